import { loadState } from "@tripline/backfill/states/load-state";
import { kafkaAt } from "@tripline/system/client/connect-system";
import { DEMO_WORKSPACE, readLocalSystem, trustAuthorityOf } from "@tripline/system/services/local-system";
import { Command, InvalidArgumentError, Option } from "commander";
import { cardTokenKeyOption, installationKey } from "./map-options.js";

interface LoadStateFlags {
  readonly state: string;
  readonly redis?: string;
  readonly kafka?: string;
  readonly topicPrefix: string;
  readonly ttlDays?: number;
  readonly partial?: true;
  readonly cardTokenKey?: Buffer;
  readonly workspace: string;
}

/** `tripline load-state`: loads a snapshot of window states into Redis. */
export function loadStateCommand(): Command {
  return new Command("load-state")
    .description(
      "load window states written by `tripline backfill --state` into Redis before the features service starts for the first time",
    )
    .requiredOption("--state <file>", "the snapshot")
    .option("--redis <url>", "Redis of the features service, for example redis://127.0.0.1:6379")
    .addOption(kafkaOption())
    .option("--topic-prefix <prefix>", "the services' KAFKA_TOPIC_PREFIX", "")
    .option("--ttl-days <days>", "days after which an unused state expires", parseDays)
    .option(
      "--partial",
      "load even if the features service has already counted payments, which are then missing from the states",
    )
    .addOption(cardTokenKeyOption("to reject states that were created with another key"))
    .option("--workspace <name>", "without --redis and --kafka: the system on this machine", DEMO_WORKSPACE)
    .action(async (flags: LoadStateFlags) => {
      const { state: statePath, ttlDays, topicPrefix, partial, cardTokenKey = localKey(flags) } = flags;
      const { brokers, redisUrl } = addressesOf(flags, "to check that the service has not counted any payments yet");
      const admin = await kafkaAt(brokers.split(","), topicPrefix, process.env).admin();
      try {
        const { states } = await loadState({
          statePath,
          redisUrl,
          kafka: { admin, topicPrefix },
          isPartial: partial === true,
          ...(cardTokenKey === undefined ? {} : { cardTokenKey }),
          ...(ttlDays === undefined ? {} : { ttlDays }),
        });
        process.stdout.write(`${states} states loaded\n`);
      } finally {
        await admin.close();
      }
    });
}

/** The key of the system on this machine, if it receives the states. */
function localKey({ redis, workspace }: LoadStateFlags): Buffer | undefined {
  return redis === undefined ? installationKey(undefined, workspace) : undefined;
}

export function kafkaOption(what = "Kafka, the source of the events that the features service has counted"): Option {
  return new Option("--kafka <brokers>", `host:port, comma-separated: ${what}`).env("KAFKA_BROKERS");
}

/**
 * @param purpose the purpose for which Kafka is needed
 * @throws Error in one sentence if only one address is given, or no system is running here
 */
export function addressesOf(
  { kafka, redis, workspace }: Pick<LoadStateFlags, "kafka" | "redis" | "workspace">,
  purpose: string,
): { brokers: string; redisUrl: string } {
  if (redis !== undefined && kafka !== undefined) return { brokers: kafka, redisUrl: redis };
  if (redis !== undefined) throw new Error(`--redis requires --kafka, ${purpose}.`);
  if (kafka !== undefined)
    throw new Error("--kafka requires --redis. Without both, the command uses the system on this machine.");
  const local = readLocalSystem(workspace);
  trustAuthorityOf(local);
  return { brokers: local.kafkaBrokers.join(","), redisUrl: local.redisUrl };
}

function parseDays(text: string): number {
  const days = Number(text);
  if (!(days > 0)) throw new InvalidArgumentError("It must be a number of days greater than 0.");
  return days;
}
