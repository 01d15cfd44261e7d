import { spawn } from "node:child_process";
import { totalmem } from "node:os";
import { join, resolve } from "node:path";
import { LAKE_VARIABLES } from "@tripline/lake/log/open-disk";
import { isStoreUrl } from "@tripline/object-store/open-store";
import { DEMO_WORKSPACE, operatorVariables, readLocalSystem } from "@tripline/system/services/local-system";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { ROOT } from "@tripline/system/services/workspace";
import { Command, InvalidArgumentError } from "commander";

/** Environment variables of a program in the features app. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The location of the states, and the sources from which they are computed. */
export interface StatesFlags {
  readonly lake?: string;
  readonly kafka?: string;
  readonly redis?: string;
  readonly topicPrefix?: string;
  readonly state?: string;
  readonly ttlDays?: number;
  readonly memory?: number;
  readonly workspace: string;
}

const PROGRAMS = join(ROOT, "apps", "features", "dist");
const EXIT_FAILURE = 1;
const MEMORY_SHARE = 0.75;
/** Limits of the features app. */
const DAYS_MAX = 3_650;
const GIB_MAX = 1_024;

/** A command with the options of `StatesFlags`. @param stateText describes the `--state` option */
export function statesCommand(name: string, stateText: string): Command {
  return new Command(name)
    .option("--lake <folder>", "the folder or URL that the archive service writes to")
    .option("--kafka <brokers>", "host:port, comma-separated", parseBrokers)
    .option("--redis <url>", "Redis of the features service, for example redis://127.0.0.1:6379", parseRedis)
    .option("--topic-prefix <prefix>", "the services' KAFKA_TOPIC_PREFIX")
    .option("--state <file>", stateText)
    .option("--ttl-days <days>", "STATE_TTL_DAYS of the features service", parseDays)
    .option(
      "--memory <gib>",
      "memory limit for the states; states above it are stored in TMPDIR (default: 2)",
      parseGib,
    )
    .option("--workspace <name>", "without --lake, --kafka and --redis: the system on this machine", DEMO_WORKSPACE);
}

/** @throws Error in one sentence if only some addresses are given, or no system is running on this machine */
function addressesOf({ lake, kafka, redis, workspace }: StatesFlags): Record<string, string> {
  if (lake !== undefined && kafka !== undefined && redis !== undefined) {
    return { LAKE_URL: isStoreUrl(lake) ? lake : resolve(lake), KAFKA_BROKERS: kafka, REDIS_URL: redis };
  }
  const missing = Object.entries({ lake, kafka, redis }).flatMap(([name, value]) =>
    value === undefined ? [`--${name}`] : [],
  );
  if (missing.length < 3)
    throw new Error(
      `${missing.join(" and ")} is missing. If you omit all three, the command uses the system on this machine.`,
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

/** Settings for both programs. */
export function environmentOf(flags: StatesFlags): Record<string, string> {
  return {
    ...addressesOf(flags),
    ...(flags.topicPrefix === undefined ? {} : { KAFKA_TOPIC_PREFIX: flags.topicPrefix }),
    ...(flags.state === undefined ? {} : { STATE_FILE: resolve(flags.state) }),
    ...(flags.ttlDays === undefined ? {} : { STATE_TTL_DAYS: String(flags.ttlDays) }),
    ...(flags.memory === undefined ? {} : { STATE_MEMORY_GIB: String(flags.memory) }),
  };
}

/**
 * Runs a program of the features app in a separate process, because only that app knows how states are stored. The
 * settings may contain a password, so they are not passed as arguments.
 */
export function runFeatures(program: string, environment: Environment): Promise<number> {
  // If the lake lacks records, all states must fit into memory. Node's default limit is 4 GB, even on larger machines.
  const heapMegabytes = Math.floor((totalmem() / 1_048_576) * MEMORY_SHARE);
  const child = spawn(
    process.execPath,
    ["--enable-source-maps", `--max-old-space-size=${heapMegabytes}`, join(PROGRAMS, program, "main.js")],
    {
      env: { PATH: process.env.PATH, ...environment },
      stdio: "inherit",
    },
  );
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code) => done(code ?? EXIT_FAILURE));
  });
}

/** The settings for a lake in an object store, the tenant with profiles in Feast, and the folder for large files. */
export function passedOn(): Record<string, string | undefined> {
  const names = [...LAKE_VARIABLES, "FEAST_TENANT", "FEAST_PROJECT", "TMPDIR"];
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

function parseBrokers(text: string): string {
  if (text.split(",").every((broker) => /^[^\s:]+:\d+$/.test(broker.trim()))) return text;
  throw new InvalidArgumentError("It must be a comma-separated list of host:port.");
}

function parseRedis(text: string): string {
  if (/^rediss?:\/\//.test(text)) return text;
  throw new InvalidArgumentError("It must start with redis:// or rediss://.");
}

function parseDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= DAYS_MAX) return days;
  throw new InvalidArgumentError(`It must be a whole number of days from 1 to ${DAYS_MAX}.`);
}

function parseGib(text: string): number {
  const gib = Number(text);
  if (gib > 0 && gib <= GIB_MAX) return gib;
  throw new InvalidArgumentError(`It must be a number of GiB up to ${GIB_MAX}.`);
}

export function parseCount(text: string, max: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= max) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
}
