import { signInVariables } from "@tripline/system/client/connect-system";
import type { Command } from "commander";
import type { StatesFlags } from "./states-program.js";
import { environmentOf, parseCount, passedOn, runFeatures, statesCommand } from "./states-program.js";

interface SnapshotFlags extends StatesFlags {
  readonly keep?: number;
  readonly keepDays?: number;
}

/** Limits of the features app. */
const KEPT_MAX = 1_000;
const DAYS_MAX = 3_650;

/** `tripline snapshot-state`: saves the window states in the archive as a starting point for `rebuild-state`. */
export function snapshotStateCommand(): Command {
  const stateText = "for the first snapshot: the states that the service started from (`tripline load-state`)";
  return statesCommand("snapshot-state", stateText)
    .description("save the window states in the archive, so that rebuild-state counts only later events")
    .option("--keep <count>", "number of snapshots to keep (default: 4)", (text) => parseCount(text, KEPT_MAX))
    .option("--keep-days <days>", "age at which snapshots are removed, except the newest one (default: 7)", (text) =>
      parseCount(text, DAYS_MAX),
    )
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
