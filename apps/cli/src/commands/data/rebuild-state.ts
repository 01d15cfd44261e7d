import { resolve } from "node:path";
import { loadProfiles } from "@tripline/backfill/profiles/load-profiles";
import { redisFrom, signInVariables } from "@tripline/system/client/connect-system";
import { readLocalSystem } from "@tripline/system/services/local-system";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { readErased } from "./load-profiles.js";
import type { Environment, StatesFlags } from "./states-program.js";
import { environmentOf, parseCount, passedOn, runFeatures, statesCommand } from "./states-program.js";

interface RebuildFlags extends StatesFlags {
  readonly profiles?: string;
  readonly wait?: number;
  readonly partial?: true;
  readonly fromScratch?: true;
  readonly workers?: number;
}

const PROGRAM = "rebuild";
/** Limits of the features app. */
const WAIT_SECONDS_MAX = 86_400;
const WORKERS_MAX = 64;

/** `tripline rebuild-state`: rebuilds lost window states in Redis from the lake. */
export function rebuildStateCommand(): Command {
  return statesCommand("rebuild-state", "the snapshot that the service started from (`tripline load-state`)")
    .description("rebuild the exact window states that Redis lost, from the counted events in the archive")
    .option("--profiles <folder>", "also load these profile tables, like `tripline load-profiles`")
    .option("--wait <seconds>", "maximum wait for the archive to catch up", parseSeconds)
    .option("--from-scratch", "ignore the snapshots in the archive, and count all events again")
    .option(
      "--workers <count>",
      "number of threads that process slices and share the memory limit (default: 1)",
      (text) => parseCount(text, WORKERS_MAX),
    )
    .option("--partial", "if the archive is incomplete, count its events in time order")
    .action(async (flags: RebuildFlags) => {
      const environment = { ...signInVariables(process.env), ...passedOn(), ...settingsOf(flags) };
      await bringProfilesBack(flags, environment);
      process.exitCode = await runFeatures(PROGRAM, environment);
    });
}

/**
 * A local system gets the profiles that it started with. They are loaded before the states, because no vector is used
 * until the states are restored.
 */
async function bringProfilesBack(flags: RebuildFlags, environment: Environment): Promise<void> {
  const { KAFKA_BROKERS: brokers = "", KAFKA_TOPIC_PREFIX: topicPrefix = "", FEAST_PROJECT: project } = environment;
  const local = flags.redis === undefined ? readLocalSystem(flags.workspace) : undefined;
  const given = flags.profiles === undefined ? undefined : { folder: resolve(flags.profiles), untilMs: Date.now() };
  const profiles = given ?? local?.profiles;
  if (profiles === undefined) return;
  const erased = await readErased(brokers, topicPrefix);
  const from = project === undefined ? {} : { project };
  const { rows } = await loadProfiles({ ...profiles, ...from, redis: redisFrom(environment), erased });
  process.stdout.write(`${rows} profiles loaded\n`);
}

/** Loads the profiles of the local system, if it has any. */
export async function loadLocalProfiles(workspace: string): Promise<void> {
  const flags = { workspace };
  await bringProfilesBack(flags, { ...passedOn(), ...settingsOf(flags) });
}

function settingsOf(flags: RebuildFlags): Record<string, string> {
  return {
    ...environmentOf(flags),
    ...(flags.wait === undefined ? {} : { ARCHIVE_WAIT_SECONDS: String(flags.wait) }),
    ...(flags.partial === undefined ? {} : { PARTIAL: "1" }),
    ...(flags.fromScratch === undefined ? {} : { FROM_SCRATCH: "1" }),
    ...(flags.workers === undefined ? {} : { STATE_WORKERS: String(flags.workers) }),
  };
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds >= 0 && seconds <= WAIT_SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`It must be a number of seconds up to ${WAIT_SECONDS_MAX}.`);
}
