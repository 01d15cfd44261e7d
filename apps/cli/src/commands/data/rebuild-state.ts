import { spawn } from "node:child_process";
import { totalmem } from "node:os";
import { join, resolve } from "node:path";
import { loadProfiles } from "@tripline/backfill/profiles/load-profiles";
import { LAKE_VARIABLES } from "@tripline/lake/log/open-disk";
import { isStoreUrl } from "@tripline/object-store/open-store";
import { redisFrom, signInVariables } from "@tripline/system/client/connect-system";
import { DEMO_WORKSPACE, operatorVariables, readLocalSystem } from "@tripline/system/services/local-system";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { ROOT } from "@tripline/system/services/workspace";
import { Command, InvalidArgumentError } from "commander";
import { readErased } from "./load-profiles.js";

/** Environment of the program that rebuilds the states. */
type Environment = Readonly<Record<string, string | undefined>>;

interface RebuildFlags {
  readonly lake?: string;
  readonly kafka?: string;
  readonly redis?: string;
  readonly topicPrefix?: string;
  readonly state?: string;
  readonly profiles?: string;
  readonly ttlDays?: number;
  readonly wait?: number;
  readonly partial?: true;
  readonly workspace: string;
}

const ENTRY = join(ROOT, "apps", "features", "dist", "rebuild", "main.js");
const EXIT_FAILURE = 1;
const MEMORY_SHARE = 0.75;
/** Limits of the features app. */
const DAYS_MAX = 3_650;
const WAIT_SECONDS_MAX = 86_400;

/** `tripline rebuild-state`: rebuilds lost window states in Redis from the lake. */
export function rebuildStateCommand(): Command {
  return new Command("rebuild-state")
    .description("rebuild the window states that Redis lost exactly, from the archive's record of what was counted")
    .option("--lake <folder>", "the folder or URL that the archive service writes to")
    .option("--kafka <brokers>", "host:port, comma-separated", parseBrokers)
    .option("--redis <url>", "Redis of the features service, for example redis://127.0.0.1:6379", parseRedis)
    .option("--topic-prefix <prefix>", "the services' KAFKA_TOPIC_PREFIX")
    .option("--state <file>", "the snapshot that the service started from (`tripline load-state`)")
    .option("--profiles <folder>", "also load these profile tables, like `tripline load-profiles`")
    .option("--ttl-days <days>", "STATE_TTL_DAYS of the features service", parseDays)
    .option("--wait <seconds>", "maximum wait for the archive to catch up", parseSeconds)
    .option("--partial", "if the archive is incomplete: count what it has, in time order")
    .option("--workspace <name>", "without --lake, --kafka and --redis: the system on this machine", DEMO_WORKSPACE)
    .action(async (flags: RebuildFlags) => {
      const environment = { ...signInVariables(process.env), ...passedOn(), ...environmentOf(flags) };
      await bringProfilesBack(flags, environment);
      process.exitCode = await run(environment);
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

/** Rebuilds the states of the local system. @returns the program's exit code */
export async function rebuildLocalStates(workspace: string): Promise<number> {
  const flags = { workspace };
  const environment = { ...passedOn(), ...environmentOf(flags) };
  await bringProfilesBack(flags, environment);
  return run(environment);
}

/** The command line for a local system. */
export function rebuildCommandFor(workspace: string): string {
  const flags = workspace === DEMO_WORKSPACE ? "" : ` --workspace ${workspace}`;
  return `npm run tripline -- rebuild-state${flags}`;
}

/** @throws Error in one sentence if only some addresses are given, or no system is running here */
function addressesOf({ lake, kafka, redis, workspace }: RebuildFlags): Record<string, string> {
  if (lake !== undefined && kafka !== undefined && redis !== undefined) {
    return { LAKE_URL: isStoreUrl(lake) ? lake : resolve(lake), KAFKA_BROKERS: kafka, REDIS_URL: redis };
  }
  const missing = Object.entries({ lake, kafka, redis }).flatMap(([name, value]) =>
    value === undefined ? [`--${name}`] : [],
  );
  if (missing.length < 3)
    throw new Error(
      `${missing.join(" and ")} is missing. Without all three, the command uses the system on this machine.`,
    );
  const local = readLocalSystem(workspace);
  const { lakeDirectory, kafkaBrokers, redisUrl, statePath } = local;
  if (lakeDirectory === undefined)
    throw new Error("The system on this machine has no archive, so its states cannot be rebuilt.");
  return {
    ...operatorVariables(local),
    FEAST_TENANT: DEMO_TENANT,
    LAKE_URL: lakeDirectory,
    KAFKA_BROKERS: kafkaBrokers.join(","),
    REDIS_URL: redisUrl,
    ...(statePath === undefined ? {} : { STATE_FILE: statePath }),
  };
}

function environmentOf(flags: RebuildFlags): Record<string, string> {
  return {
    ...addressesOf(flags),
    ...(flags.topicPrefix === undefined ? {} : { KAFKA_TOPIC_PREFIX: flags.topicPrefix }),
    ...(flags.state === undefined ? {} : { STATE_FILE: resolve(flags.state) }),
    ...(flags.ttlDays === undefined ? {} : { STATE_TTL_DAYS: String(flags.ttlDays) }),
    ...(flags.wait === undefined ? {} : { ARCHIVE_WAIT_SECONDS: String(flags.wait) }),
    ...(flags.partial === undefined ? {} : { PARTIAL: "1" }),
  };
}

/**
 * Runs a program of the features app in a separate process, because only that app knows the layout. The settings may
 * contain a password, so they are not passed as arguments.
 */
function run(environment: Environment): Promise<number> {
  // All states are in memory at once; Node's default limit is 4 GB, even on larger machines.
  const heapMegabytes = Math.floor((totalmem() / 1_048_576) * MEMORY_SHARE);
  const child = spawn(process.execPath, ["--enable-source-maps", `--max-old-space-size=${heapMegabytes}`, ENTRY], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: "inherit",
  });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code) => done(code ?? EXIT_FAILURE));
  });
}

/** The settings for a lake in an object store, and the tenant with profiles in Feast. */
function passedOn(): Record<string, string | undefined> {
  const names = [...LAKE_VARIABLES, "FEAST_TENANT", "FEAST_PROJECT"];
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

function parseBrokers(text: string): string {
  if (text.split(",").every((broker) => /^[^\s:]+:\d+$/.test(broker.trim()))) return text;
  throw new InvalidArgumentError("must be host:port, comma-separated");
}

function parseRedis(text: string): string {
  if (/^rediss?:\/\//.test(text)) return text;
  throw new InvalidArgumentError("must start with redis:// or rediss://");
}

function parseDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= DAYS_MAX) return days;
  throw new InvalidArgumentError(`must be a whole number of days from 1 to ${DAYS_MAX}`);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds >= 0 && seconds <= WAIT_SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`must be a number of seconds up to ${WAIT_SECONDS_MAX}`);
}
