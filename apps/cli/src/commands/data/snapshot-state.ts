import { signInVariables } from "@tripline/system/client/connect-system";
import { DEMO_WORKSPACE } from "@tripline/system/services/local-system";
import { Command } from "commander";
import type { StatesFlags } from "./states-program.js";
import {
  environmentOf,
  parseBrokers,
  parseCount,
  parseDays,
  parseGib,
  parseRedis,
  passedOn,
  runFeatures,
} from "./states-program.js";

interface SnapshotFlags extends StatesFlags {
  readonly keep?: number;
  readonly keepDays?: number;
}

/** Limits of the features app. */
const KEPT_MAX = 1_000;
const DAYS_MAX = 3_650;

/** `tripline snapshot-state`: saves the window states in the archive as a starting point for `rebuild-state`. */
export function snapshotStateCommand(): Command {
  return new Command("snapshot-state")
    .description("save the window states in the archive, so that rebuild-state only counts later events")
    .option("--lake <folder>", "the folder or URL that the archive service writes to")
    .option("--kafka <brokers>", "host:port, comma-separated", parseBrokers)
    .option("--redis <url>", "Redis of the features service, for example redis://127.0.0.1:6379", parseRedis)
    .option("--topic-prefix <prefix>", "the services' KAFKA_TOPIC_PREFIX")
    .option("--state <file>", "for the first one: the states that the service started from (`tripline load-state`)")
    .option("--ttl-days <days>", "STATE_TTL_DAYS of the features service", parseDays)
    .option("--memory <gib>", "memory limit for the states; the remainder is stored in TMPDIR (default: 2)", parseGib)
    .option("--keep <count>", "number of snapshots to keep (default: 4)", (text) => parseCount(text, KEPT_MAX))
    .option("--keep-days <days>", "age at which snapshots are removed, except for the newest (default: 7)", (text) =>
      parseCount(text, DAYS_MAX),
    )
    .option("--workspace <name>", "without --lake, --kafka and --redis: the system on this machine", DEMO_WORKSPACE)
    .action(async (flags: SnapshotFlags) => {
      const environment = { ...signInVariables(process.env), ...passedOn(), ...settingsOf(flags) };
      process.exitCode = await runFeatures("snapshot", environment);
    });
}

function settingsOf(flags: SnapshotFlags): Record<string, string> {
  return {
    ...environmentOf(flags),
    ...(flags.keep === undefined ? {} : { SNAPSHOTS_KEPT: String(flags.keep) }),
    ...(flags.keepDays === undefined ? {} : { SNAPSHOT_DAYS: String(flags.keepDays) }),
  };
}
