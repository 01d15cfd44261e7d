import { loadState } from "@tripline/backfill/states/load-state";
import { kafkaAt } from "@tripline/system/client/connect-system";
import { DEMO_WORKSPACE, readLocalSystem, trustAuthorityOf } from "@tripline/system/services/local-system";
import { Command, InvalidArgumentError, Option } from "commander";

interface LoadStateFlags {
  readonly state: string;
  readonly redis?: string;
  readonly kafka?: string;
  readonly topicPrefix: string;
  readonly ttlDays?: number;
  readonly partial?: true;
  readonly workspace: string;
}

/** `tripline load-state`: a snapshot of window states into Redis. */
export function loadStateCommand(): Command {
  return new Command("load-state")
    .description("put the window states that `tripline backfill --state` wrote into Redis, for a service that begins")
    .requiredOption("--state <file>", "the snapshot")
    .option("--redis <url>", "where the features service keeps its state, for instance redis://127.0.0.1:6379")
    .addOption(kafkaOption())
    .option("--topic-prefix <prefix>", "as the services have it in KAFKA_TOPIC_PREFIX", "")
    .option("--ttl-days <days>", "days after which an untouched state is forgotten", parseDays)
    .option("--partial", "also where features has counted since: all of that is then missing from the states")
    .option("--workspace <name>", "without --redis and --kafka: the system that runs here", DEMO_WORKSPACE)
    .action(async (flags: LoadStateFlags) => {
      const { state: statePath, ttlDays, topicPrefix, partial } = flags;
      const { brokers, redisUrl } = addressesOf(flags, "to see that the service has not counted yet");
      const admin = await kafkaAt(brokers.split(","), topicPrefix, process.env).admin();
      try {
        const { states } = await loadState({
          statePath,
          redisUrl,
          kafka: { admin, topicPrefix },
          isPartial: partial === true,
          ...(ttlDays === undefined ? {} : { ttlDays }),
        });
        process.stdout.write(`${states} states loaded\n`);
      } finally {
        await admin.close();
      }
    });
}

export function kafkaOption(what = "where it is seen what features has counted"): Option {
  return new Option("--kafka <brokers>", `host:port, comma-separated: ${what}`).env("KAFKA_BROKERS");
}

/** @param purpose of Kafka. @throws Error in one sentence where one of both is missing, or no system runs here */
export function addressesOf(
  { kafka, redis, workspace }: Pick<LoadStateFlags, "kafka" | "redis" | "workspace">,
  purpose: string,
): { brokers: string; redisUrl: string } {
  if (redis !== undefined && kafka !== undefined) return { brokers: kafka, redisUrl: redis };
  if (redis !== undefined) throw new Error(`--redis needs --kafka, ${purpose}.`);
  if (kafka !== undefined) throw new Error("--kafka needs --redis; without both, the system here is meant.");
  const local = readLocalSystem(workspace);
  trustAuthorityOf(local);
  return { brokers: local.kafkaBrokers.join(","), redisUrl: local.redisUrl };
}

function parseDays(text: string): number {
  const days = Number(text);
  if (!(days > 0)) throw new InvalidArgumentError("must be a number of days above 0");
  return days;
}
