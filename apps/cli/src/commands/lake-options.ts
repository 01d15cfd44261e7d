import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";

export function lakeOption(): Option {
  return new Option("--lake <place>", "the folder or URL that the archive service writes to")
    .env(process.env.LAKE_URL === undefined ? "LAKE_DIRECTORY" : "LAKE_URL")
    .makeOptionMandatory();
}

export function tenantOption(): Option {
  return new Option("--tenant <name>", "only payments of this tenant (default: all tenants)");
}

export function labelsByOption(): Option {
  return new Option(
    "--labels-by <time>",
    "when a label counts as known: at its own time, or when Kafka received it if that was later",
  )
    .choices(["event-time", "arrival"])
    .default("event-time");
}

export function unlabelledOption(): Option {
  return new Option(
    "--unlabelled <meaning>",
    "treat an old payment without a label as genuine, as unknown, or as genuine if genuine labels are exceptions",
  )
    .choices(["auto", "genuine", "unknown"])
    .default("auto");
}

/** Kafka options, from flags or from the services' variables. */
export function withKafka(command: Command): Command {
  return command
    .option(
      "--kafka <brokers>",
      "brokers as host:port, comma-separated (default: KAFKA_BROKERS and the other Kafka variables)",
    )
    .option("--topic-prefix <prefix>", "the services' KAFKA_TOPIC_PREFIX");
}

export function kafkaEnvironment(flags: { readonly kafka?: string; readonly topicPrefix?: string }): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...(flags.kafka === undefined ? {} : { KAFKA_BROKERS: flags.kafka }),
    ...(flags.topicPrefix === undefined ? {} : { KAFKA_TOPIC_PREFIX: flags.topicPrefix }),
  };
}

export function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new InvalidArgumentError("It must be a time, such as 2026-03-01 or 2026-03-01T12:00:00Z.");
  return time;
}
