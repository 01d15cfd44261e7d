import { join } from "node:path";
import { loadState } from "@tripline/backfill/states/load-state";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { SETUP_USER } from "@tripline/system/access/access-rules";
import { applyAccess } from "@tripline/system/access/apply-access";
import { readPasswords } from "@tripline/system/access/make-access";
import type { ServiceName } from "@tripline/system/service-environment/service-variables";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import type { LocalSecurity } from "@tripline/system/services/local-security";
import type { Topology } from "@tripline/system/services/plan-services";
import { DEMO_TENANT, planServices } from "@tripline/system/services/plan-services";
import type { BenchContext } from "../../harness/bench-context.js";
import { profiling, startServer } from "../../harness/start-server.js";
import type { World } from "../world/prepare-world.js";
import { startTokenIssuer } from "./issue-tokens.js";
import type { BenchProgram, BenchSystem, ProcessName } from "./read-services.js";
import { kafkaPid, PROGRAMS, redisPid } from "./read-services.js";

/** Payments have the simulation's time, which is in the past. */
const EVENT_AGE_DAYS_MAX = 3_650;
const SCORING_WAIT_MS = 250;
const SERVICE_MS_MAX = 120_000;
const ANSWER_MS_MAX = 2_000;
/** Placeholder settings of services that are planned but not started. */
const NO_DATABASE = "postgres://127.0.0.1:1/none";
/** No load shedding, because benchmarks measure how long callers wait. */
const PATIENT = { WAIT_TARGET_MS: "60000" };

/** Changed settings, by program. */
export type EnvironmentChanges = Partial<Record<BenchProgram, Readonly<Record<string, string>>>>;

/**
 * Starts Kafka and Valkey on empty data, loads the world's window states, and starts the services with telemetry but
 * without a collector.
 *
 * @param changes to the environments of programs
 */
export async function startBenchSystem(
  context: BenchContext,
  world: World,
  changes: EnvironmentChanges = {},
  topology: Topology = "services",
): Promise<BenchSystem> {
  const [brokers, redis] = [await context.kafka(), await context.redis()];
  const { security } = context;
  if (security !== undefined) await giveRights(security, brokers, redis.url);
  await loadState({ statePath: world.statePath, redisUrl: redis.url });
  const issuer = await startTokenIssuer(context, DEMO_TENANT);
  const [ingestion = 0, features = 0, scoring = 0, scoringGrpc = 0, decisions = 0] = await findFreePorts(5);
  const plans = planServices({
    ports: {
      ingestion,
      features,
      scoring,
      scoringGrpc,
      decisions,
      auth: 0,
      control: 0,
      console: 0,
      archive: 0,
      kafka: 0,
      redis: 0,
      postgres: 0,
    },
    secrets: demoSecrets(world.secretsFile),
    kafkaBrokers: brokers,
    redisUrl: redis.url,
    postgresUrl: "",
    registryUrl: world.registryUrl,
    eventAgeDaysMax: EVENT_AGE_DAYS_MAX,
    scoringWaitMs: SCORING_WAIT_MS,
    logLevel: "warn",
    topology,
    ...(security === undefined
      ? {}
      : {
          accessOf: (name: ServiceName) => security.accessOf(name, { redisUrl: redis.url, postgresUrl: NO_DATABASE }),
        }),
  });
  const auth = { AUTH_ISSUER: issuer.issuer, AUTH_JWKS_URL: issuer.jwksUrl };
  const programs: readonly BenchProgram[] = PROGRAMS[topology];
  const urls = new Map(programs.map((name) => [name, plans.find((plan) => plan.name === name)?.url ?? ""]));
  const pids = new Map<ProcessName, number>([
    ["kafka", kafkaPid(context)],
    ["valkey", await redisPid(redis.client)],
  ]);
  const started = programs.map(async (name) => {
    const plan = plans.find((one) => one.name === name);
    const url = urls.get(name) ?? "";
    const pid = await startServer(context, {
      name,
      command: process.execPath,
      args: [...profiling(context), join(context.root, "apps", name, "dist", "main.js")],
      environment: {
        ...plan?.environment,
        ...("AUTH_ISSUER" in (plan?.environment ?? {}) ? auth : {}),
        ...(name === "ingestion" ? PATIENT : {}),
        ...changes[name],
      },
      port: Number(new URL(url).port),
      readyMs: SERVICE_MS_MAX,
      isReady: () => isReady(url),
    });
    pids.set(name, pid);
  });
  await Promise.all(started);
  const threads = [context.redisTlsMeter()].filter((meter) => meter !== undefined);
  const ca = security?.authority.certificate;
  return { port: ingestion, ca, authorization: issuer.authorization, pids, urls, threads };
}

/** The services need only Kafka and Valkey, because no database is on a decision's path. */
async function giveRights(security: LocalSecurity, brokers: readonly string[], redisUrl: string): Promise<void> {
  const kafka = connectKafka({ brokers, clientId: "bench", security: { tls: security.kafkaTls(SETUP_USER) } });
  await applyAccess(security.rules, { kafka, redis: redisUrl }, readPasswords(security.passwordFolder));
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
