import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { createLogger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { featuresConfig } from "../config.js";
import { startFeatures } from "../start-features.js";
import { START_MS } from "../testing/events.js";
import type { TestIssuer } from "../testing/issuer.js";
import { startIssuer } from "../testing/issuer.js";
import type { TestServing } from "../testing/serving.js";
import {
  engine,
  HOUR_MS,
  makeHistory,
  referencesOf,
  startServing,
  storeHistory,
  TENANT,
  timeText,
  untilReady,
  valuesAt,
} from "../testing/serving.js";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const SCRIPT = `${ROOT}apps/features/src/online/feast_sdk.py`;
/** The first run installs Feast. */
const START_MS_MAX = 10 * 60_000;
const AS_OF_MS = START_MS + HOUR_MS;

/** The SDK's result for one column. */
interface FeastColumn {
  readonly values: readonly unknown[];
  readonly types: readonly (string | null)[];
  readonly statuses: readonly string[];
}

interface Answers {
  readonly sdk: {
    readonly features: Record<string, FeastColumn>;
    readonly service: Record<string, FeastColumn>;
    readonly with_token: Record<string, FeastColumn>;
    readonly profiles: Record<string, FeastColumn>;
    readonly full_names: readonly string[];
    readonly frame_columns: readonly string[];
    /** Rows of the online store's own interface. */
    readonly keys: readonly Record<string, number | null>[];
    readonly unknown_feature: string;
    readonly missing_key: string;
    readonly unknown_view: string;
    readonly unknown_service: string;
    readonly unknown_pushed: string;
    readonly pushed_windows: string;
    readonly without_token: string;
  };
  /** Bodies as Feast's server sent them. */
  readonly server: readonly string[];
}

const histories = [makeHistory("one", START_MS, 1), makeHistory("other", START_MS, 2)];
/** For requests without a time, which ask for current values. */
const recent = makeHistory("recent", Date.now(), 3);
const idsOf = (entity: string) => [...histories.map(({ ids }) => ids[entity] ?? ""), `${entity} never seen`];
const asOf = idsOf("card").map(() => timeText(AS_OF_MS));
const entities = { card_token: idsOf("card"), terminal_id: idsOf("terminal"), event_timestamp: asOf };
const features = referencesOf("card", "terminal");
const profiles = { card_token: ["ct_one", "ct_other"], total: [3, 4], mean: [2.0, 0.1] };
const pushedAt = "2026-03-01T10:00:00Z";

/** For both servers. Feast does not define an order for a view's features, so each request names one view. */
const REQUESTS = [
  { features: ["card_windows:card_count_7d", "terminal_windows:terminal_risk_7d"], entities },
  { features: ["terminal_windows:terminal_count_30d"], entities, full_feature_names: true },
  { features: ["card_windows:card_sum_7d"], entities, include_feature_view_version_metadata: true },
  { features: ["ip_windows:ip_count_1h"], entities: { ip_token: idsOf("ip"), event_timestamp: asOf } },
  { features: ["card_profile:total"], entities: { card_token: profiles.card_token } },
  { features: ["card_profile:mean"], entities: { card_token: profiles.card_token } },
  { feature_service: "fraud_features", entities: allEntities() },
];

function allEntities(): Record<string, readonly string[]> {
  return Object.fromEntries([...engine.entities.map(({ key, name }) => [key, idsOf(name)]), ["event_timestamp", asOf]]);
}

/** The features of the views in the test's repositories. */
const views = [
  ...engine.entities.map(({ name, key }, entity) => ({
    name: `${name}_windows`,
    join_key: key,
    features: Object.fromEntries(engine.entityFeatures(entity).map((feature) => [feature, "double"])),
  })),
  { name: "card_profile", join_key: "card_token", features: { total: "integer", mean: "double" } },
];

/** The data for Feast's own server: the engine's values, with the times of the states. */
function storedFrames() {
  const frames = engine.entities.map(({ name, key }, entity) => {
    const columns = engine.entityFeatures(entity).map((feature) => {
      return [feature, histories.map((history) => valuesAt(history, name, AS_OF_MS)[feature])];
    });
    const times = histories.map(({ newestMs }) => timeText(newestMs));
    const ids = histories.map((history) => history.ids[name]);
    return [`${name}_windows`, { [key]: ids, event_timestamp: times, ...Object.fromEntries(columns) }];
  });
  return { ...Object.fromEntries(frames), card_profile: { ...profiles, event_timestamp: [pushedAt, pushedAt] } };
}

let stack: TestStack;
let redis: Redis;
let issuer: TestIssuer;
let service: RunningService;
let guarded: TestServing;
let scratch: string;
let answers: Answers;
let startedAtMs: number;

beforeAll(async () => {
  const requirementsFile = `${ROOT}training/feature_repo/requirements.txt`;
  const { python } = await provisionPython({ name: "feature-repo", requirementsFile, root: ROOT.replace(/\/$/, "") });
  scratch = await mkdtemp(join(tmpdir(), "tripline-feast-sdk-"));
  [stack, issuer] = await Promise.all([testStack(), startIssuer()]);
  redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
  await awaitRedis(redis);
  for (const history of [...histories, recent]) await storeHistory(redis, history);
  service = await startWholeService();
  guarded = await startServing({ ...issuer.environment, REDIS_URL: stack.redisUrl });
  startedAtMs = Date.now();
  answers = await requestFeast(python);
}, START_MS_MAX);

afterAll(async () => {
  await service?.close();
  await guarded?.close();
  redis?.disconnect();
  issuer?.close();
  await rm(scratch, { recursive: true, force: true });
});

/** Includes its consumer, as in production. The states have not been marked as complete. */
async function startWholeService(): Promise<RunningService> {
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix, clientId: "test" });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  const config = readConfig(featuresConfig, {
    PORT: "0",
    KAFKA_BROKERS: stack.kafkaBrokers.join(","),
    KAFKA_TOPIC_PREFIX: stack.topicPrefix,
    REDIS_URL: stack.redisUrl,
    FEATURES_ONLINE_TENANT: TENANT,
  });
  const started = await startFeatures(config, createLogger("features", "silent"));
  await untilReady(started);
  return started;
}

/** One Python process for all requests, because importing Feast takes many seconds. */
async function requestFeast(python: string): Promise<Answers> {
  const env = { PATH: process.env.PATH, ...keepBytecode(python), SCRATCH: scratch };
  const child = spawn(python, [SCRIPT], { env, stdio: "pipe" });
  child.stdin.end(
    JSON.stringify({
      url: service.url,
      token_url: guarded.service.url,
      token: issuer.token("features:read", TENANT),
      views,
      features,
      profiles,
      pushed_at: pushedAt,
      entity_rows: rowsOf(entities),
      service_rows: rowsOf(allEntities()),
      card_features: engine.entityFeatures(0),
      cards: [recent.ids.card, histories[0]?.ids.card, "never seen"],
      stored: storedFrames(),
      requests: REQUESTS,
    }),
  );
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  try {
    return JSON.parse(output);
  } catch {
    throw new Error(`Feast did not answer: ${errors.slice(-4_000)}`);
  }
}

function rowsOf(columns: Readonly<Record<string, readonly string[]>>): Record<string, string | undefined>[] {
  return asOf.map((_, row) => Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[row]])));
}

/** The engine's values of all features of cards and terminals, as columns. */
function expectedColumns(...entityNames: readonly string[]): Record<string, FeastColumn> {
  const columns = engine.entities.flatMap(({ name }, entity) => {
    if (!entityNames.includes(name)) return [];
    return engine.entityFeatures(entity).map((feature) => {
      const values = histories.map((history) => valuesAt(history, name, AS_OF_MS)[feature]);
      const types = ["double_val", "double_val", null];
      return [feature, { values: [...values, null], types, statuses: ["PRESENT", "PRESENT", "NOT_FOUND"] }];
    });
  });
  return Object.fromEntries(columns);
}

const keyColumn = (ids: readonly string[]): FeastColumn => ({
  values: ids,
  types: ids.map(() => "string_val"),
  statuses: ids.map(() => "PRESENT"),
});

test("the SDK's remote online store returns the engine's values, as doubles, with statuses", () => {
  const { event_timestamp: _, ...keys } = entities;
  const keyColumns = Object.fromEntries(Object.entries(keys).map(([name, ids]) => [name, keyColumn(ids)]));
  expect(answers.sdk.features).toEqual({ ...keyColumns, ...expectedColumns("card", "terminal") });
  expect(answers.sdk.frame_columns).toEqual(Object.keys(answers.sdk.features));
});

test("supports feature services and full feature names", () => {
  const { event_timestamp: _, ...keys } = entities;
  const joinKeys = Object.keys(keys);
  const all = engine.entities.map(({ key, name }) => [key, keyColumn(idsOf(name))]);
  const names = engine.entities.map(({ name }) => name);
  expect(answers.sdk.service).toEqual({ ...Object.fromEntries(all), ...expectedColumns(...names) });
  const named = features.map((reference) => reference.replace(":", "__"));
  expect(answers.sdk.full_names).toEqual([...joinKeys, ...named]);
});

test("the online store's own interface returns current values, but no expired ones", () => {
  const [given = {}, old, unseen] = answers.sdk.keys;
  const after = valuesAt(recent, "card", Date.now());
  for (const [feature, value] of Object.entries(valuesAt(recent, "card", startedAtMs))) {
    const bounds = [value, after[feature] ?? Number.NaN];
    expect(given[feature]).toBeGreaterThanOrEqual(Math.min(...bounds));
    expect(given[feature]).toBeLessThanOrEqual(Math.max(...bounds));
  }
  expect(given.card_count_30d).toBeGreaterThan(0);
  const nothing = Object.fromEntries(engine.entityFeatures(0).map((feature) => [feature, null]));
  expect([old, unseen]).toEqual([nothing, nothing]);
});

test("values that the SDK pushes keep their types", () => {
  expect(answers.sdk.profiles).toEqual({
    card_token: keyColumn(profiles.card_token),
    total: { values: [3, 4], types: ["int64_val", "int64_val"], statuses: ["PRESENT", "PRESENT"] },
    mean: { values: [2, 0.1], types: ["double_val", "double_val"], statuses: ["PRESENT", "PRESENT"] },
  });
});

test.each([
  [
    "unknown_view",
    "FeatureViewNotFoundException",
    'contains the view "other_windows", which does not exist; choose from card_windows',
  ],
  ["unknown_service", "FeatureServiceNotFoundException", '"other_features" does not exist; choose from fraud_features'],
  ["unknown_pushed", "FeatureViewNotFoundException", '"other_windows" does not exist; choose from card_windows'],
  ["unknown_feature", "FeastObjectNotFoundException", 'requests "nope" from card_windows, which has no such feature'],
  ["missing_key", "FeastError", "must contain card_token, the join key of card_windows"],
  ["pushed_windows", "FeastError", "computed from payments and labels, so it cannot be pushed"],
  ["without_token", "FeastPermissionError", "an access token"],
] as const)("the SDK raises its own exception with our message for %s", (name, exception, sentence) => {
  expect(answers.sdk[name]).toMatch(new RegExp(`^${exception}: `));
  expect(answers.sdk[name]).toContain(sentence);
});

test("the SDK's token is accepted by an instance that requires one", () => {
  expect(answers.sdk.with_token).toEqual(answers.sdk.features);
});

test("responses equal those of Feast's own server byte for byte", async () => {
  const ours = await Promise.all(
    REQUESTS.map(async (body) => {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${service.url}/get-online-features`, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
      return answer.text();
    }),
  );
  expect(ours.slice(0, -1)).toEqual(answers.server.slice(0, -1));
  const byName = (body: string) => {
    const { metadata, results } = JSON.parse(body);
    return Object.fromEntries(metadata.feature_names.map((name: string, index: number) => [name, results[index]]));
  };
  expect(byName(ours.at(-1) ?? "")).toEqual(byName(answers.server.at(-1) ?? ""));
});
