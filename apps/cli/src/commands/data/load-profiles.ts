import { loadProfiles } from "@tripline/backfill/profiles/load-profiles";
import { readErasures } from "@tripline/kafka/read-erasures";
import { kafkaAt } from "@tripline/system/client/connect-system";
import { DEMO_WORKSPACE } from "@tripline/system/services/local-system";
import { Command } from "commander";
import { parseTime } from "./backfill.js";
import { addressesOf, kafkaOption } from "./load-state.js";

interface LoadProfilesFlags {
  readonly profiles: string;
  readonly redis?: string;
  readonly kafka?: string;
  readonly topicPrefix: string;
  readonly until?: number;
  readonly project: string;
  readonly workspace: string;
}

/** `tripline load-profiles`: loads profile tables into Redis, in Feast's layout. */
export function loadProfilesCommand(): Command {
  return new Command("load-profiles")
    .description(
      "load profiles written by `tripline backfill --profiles` into the online store, like `feast materialize`",
    )
    .requiredOption("--profiles <folder>", "the tables: card_profile.parquet and terminal_profile.parquet")
    .option("--redis <url>", "Redis of the features service, for example redis://127.0.0.1:6379")
    .addOption(kafkaOption("Kafka, the source of erasures, so that profiles of erased cards are not loaded"))
    .option("--topic-prefix <prefix>", "the services' KAFKA_TOPIC_PREFIX", "")
    .option("--until <time>", "skip rows that were not yet known at this time, ISO 8601 (default: now)", parseTime)
    .option("--project <name>", "Feast's project: FEAST_PROJECT of the features service", "tripline")
    .option("--workspace <name>", "without --redis and --kafka: the system on this machine", DEMO_WORKSPACE)
    .action(async (flags: LoadProfilesFlags) => {
      const { profiles: folder, until, project, topicPrefix } = flags;
      const { brokers, redisUrl } = addressesOf(flags, "to skip the profiles of erased cards");
      const erased = await readErased(brokers, topicPrefix);
      const { rows } = await loadProfiles({ folder, redis: redisUrl, untilMs: until ?? Date.now(), project, erased });
      process.stdout.write(`${rows} profiles loaded\n`);
    });
}

/** The tokens of erased cards and e-mail addresses. @throws TriplineError `kafka-unavailable` */
export async function readErased(brokers: string, topicPrefix: string): Promise<ReadonlySet<string>> {
  const kafka = kafkaAt(brokers.split(","), topicPrefix, process.env);
  const erasures = await readErasures(kafka, "features-rebuild-erasures");
  return new Set(erasures.map(({ subject }) => subject));
}
