import { setTimeout as delay } from "node:timers/promises";
import { Module } from "@nestjs/common";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { completeKey, stateKey } from "@tripline/feature-engine/state/state-key";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, TEST_PARTITIONS, testStack } from "@tripline/local-stack/testing/stack";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { createLogger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { featuresConfig } from "../config.js";
import { FEATURE_ENGINE } from "../features.tokens.js";
import { OnlineModule } from "../online/online.module.js";
import { StateCompleteness } from "../states/state-completeness.js";
import { label, payment, randomNumbers } from "./events.js";

/* Shared by the tests of serving: states of a real engine in a real Redis, and the HTTP side of the service. */

export const engine = compileEngine(currentFeatureSpec());
export const TENANT = "demo";
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const DAY_SECONDS = DAY_MS / 1_000;
const READY_MS_MAX = 120_000;
export const STATE_TTL_SECONDS = 45 * 86_400;

/** Ids of a history's entities, by entity name in the spec. */
export interface History {
  readonly ids: Readonly<Record<string, string>>;
  readonly states: Readonly<Record<string, EntityState>>;
  /** Time of the newest event. */
  readonly newestMs: number;
}

/** Ids of a card, a terminal and one of each other entity, with payments and labels that end shortly before `endMs`. */
export function makeHistory(name: string, endMs: number, seed = 1): History {
  const below = randomNumbers(seed);
  const named = { card: `ct_${name}`, terminal: `t_${name}`, device: `d_${name}`, ip: `ip_${name}` };
  const joined = { terminal_bin: `t_${name}/411111`, card_country: `ct_${name}/BE` };
  const ids = { ...named, ...joined, email: `et_${name}` };
  const states = engine.entities.map((_, entity) => engine.decodeState(entity, null));
  // Times are whole seconds, because Feast's own stores are not more precise.
  let atMs = Math.floor(endMs / 1_000) * 1_000 - 20 * DAY_MS;
  let events = 0;
  let newestMs = 0;
  while (atMs < endMs) {
    events += 1;
    newestMs = atMs;
    const common = { clientTransactionId: `${name}-${events}`, cardToken: ids.card, terminalId: ids.terminal };
    const payer = { emailToken: ids.email, bin: "411111", merchantCountry: "BE" };
    const optional = {
      ...payer,
      deviceToken: ids.device,
      ipToken: ids.ip,
      occurredAtMs: atMs,
      amountMinor: below(90_000),
    };
    engine.applyPayment(states, payment({ ...common, ...optional }));
    if (below(4) === 0) engine.applyLabel(states, label({ ...common, labelledAtMs: atMs, fraud: below(2) === 0 }));
    atMs += (below(DAY_SECONDS) + 1) * 1_000;
  }
  return {
    ids,
    states: Object.fromEntries(engine.entities.map((plan, entity) => [plan.name, stateAt(states, entity)])),
    newestMs,
  };
}

function stateAt(states: readonly EntityState[], entity: number): EntityState {
  const state = states[entity];
  if (state === undefined) throw new Error(`no state ${entity}`);
  return state;
}

/** Writes the states of a history as the service keeps them. */
export async function storeHistory(redis: Redis, { ids, states }: History, tenant = TENANT): Promise<void> {
  for (const [entity, plan] of engine.entities.entries()) {
    const state = states[plan.name];
    const id = ids[plan.name];
    if (state === undefined || id === undefined) continue;
    await redis.set(stateKey(plan, tenant, id), Buffer.from(engine.encodeState(entity, state)));
  }
}

/** The engine's values of an entity's features, by name. */
export function valuesAt(history: History, entityName: string, atMs: number): Record<string, number> {
  const entity = engine.entities.findIndex((plan) => plan.name === entityName);
  const state = history.states[entityName];
  if (state === undefined) throw new Error(`the history has no ${entityName}`);
  const values = engine.readEntity(entity, state, atMs);
  return Object.fromEntries(engine.entityFeatures(entity).map((name, place) => [name, values[place] ?? Number.NaN]));
}

/** References to all window features of some entities. */
export function referencesOf(...entityNames: readonly string[]): string[] {
  return engine.entities.flatMap((plan, entity) =>
    entityNames.includes(plan.name)
      ? engine.entityFeatures(entity).map((feature) => `${plan.name}_windows:${feature}`)
      : [],
  );
}

export const markComplete = (redis: Redis) => redis.set(completeKey(engine.entities), "test");
export const unmarkComplete = (redis: Redis) => redis.del(completeKey(engine.entities));

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Replaces the module of the states. */
@Module({})
class TestStates {}

/** The HTTP side of the service, without its consumer. */
export interface TestServing {
  readonly stack: TestStack;
  readonly redis: Redis;
  readonly service: RunningService;
  /** Whether the states are complete although the mark is missing. */
  readonly completeness: { answer: boolean | Promise<boolean> };
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

/** Revocations are read before the first token is checked. */
async function makeRevocationTopics({ kafkaBrokers: brokers }: TestStack): Promise<void> {
  const admin = await connectKafka({ brokers, clientId: "test" }).admin();
  await admin.ensureTopics({ partitions: TEST_PARTITIONS });
  await admin.close();
}

export async function startServing(environment: Record<string, string> = {}): Promise<TestServing> {
  const stack = await testStack();
  const config = readConfig(featuresConfig, {
    PORT: "0",
    LOG_LEVEL: "silent",
    KAFKA_BROKERS: stack.kafkaBrokers.join(","),
    REDIS_URL: stack.redisUrl,
    REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
    ...(environment.AUTH_ISSUER === undefined ? { FEATURES_ONLINE_TENANT: TENANT } : {}),
    ...environment,
  });
  const redis = connectRedis(config);
  await awaitRedis(redis);
  const kafka = KafkaModule.forRoot(config, { clientId: "features" });
  if (environment.AUTH_ISSUER !== undefined) await makeRevocationTopics(stack);
  const completeness: TestServing["completeness"] = { answer: false };
  const states = {
    module: TestStates,
    providers: [
      { provide: FEATURE_ENGINE, useValue: engine },
      { provide: StateCompleteness, useValue: { check: async () => completeness.answer } },
    ],
    exports: [FEATURE_ENGINE, StateCompleteness],
  };
  const service = await startService({
    name: "features",
    port: 0,
    host: config.HOST,
    logger: createLogger("features", "silent"),
    module: OnlineModule.forRoot(config, states, kafka),
  });
  await untilReady(service);
  return {
    stack,
    redis,
    service,
    completeness,
    async post(path, body, headers = {}) {
      const response = await fetch(service.url + path, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/problem+json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    },
    async close() {
      await service.close();
      redis.disconnect();
    },
  };
}

/** Waits until a service is ready. */
export async function untilReady({ url }: RunningService): Promise<void> {
  const deadline = Date.now() + READY_MS_MAX;
  for (;;) {
    const answer = await fetch(`${url}/health/ready`);
    if (answer.status === 200) return;
    if (Date.now() > deadline) throw new Error(`not ready: ${await answer.text()}`);
    await delay(20);
  }
}

/** A response by column. */
export interface Column {
  readonly values: readonly unknown[];
  readonly statuses: readonly string[];
  readonly event_timestamps: readonly string[];
}

export function columnsOf({ status, text }: Answer): Map<string, Column> {
  if (status !== 200) throw new Error(`answered ${status}: ${text}`);
  const body: { metadata: { feature_names: string[] }; results: Column[] } = JSON.parse(text);
  return new Map(body.metadata.feature_names.map((name, index) => [name, body.results[index] ?? emptyColumn()]));
}

const emptyColumn = (): Column => ({ values: [], statuses: [], event_timestamps: [] });

/** RFC 3339, as in responses. */
export function timeText(atMs: number): string {
  return new Date(atMs).toISOString().replace(".000Z", "Z");
}
