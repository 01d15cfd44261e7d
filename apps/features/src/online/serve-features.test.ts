import { connect } from "node:net";
import { createInterface } from "node:readline";
import { completeKey, stateKey } from "@tripline/feature-engine/state/state-key";
import { encodeMark } from "../states/complete-mark.js";
import { START_MS, TENANT } from "../testing/events.js";
import type { History, TestServing } from "../testing/serving.js";
import {
  columnsOf,
  DAY_MS,
  engine,
  HOUR_MS,
  makeHistory,
  markComplete,
  referencesOf,
  startServing,
  storeHistory,
  timeText,
  unmarkComplete,
  valuesAt,
} from "../testing/serving.js";
import { Lookups } from "./compile-lookup.js";
import { FeatureReader } from "./feature-reader.js";
import { describeViews } from "./feature-views.js";
import { BoundRedis } from "./profiles/bound-redis.js";
import { parseOnlineRequest } from "./requests/parse-online-request.js";

const PATH = "/get-online-features";
const EPOCH = "1970-01-01T00:00:00Z";
const AS_OF_MS = START_MS + HOUR_MS;

let serving: TestServing;
let one: History;
let other: History;

beforeAll(async () => {
  serving = await startServing();
  one = makeHistory("one", START_MS, 1);
  other = makeHistory("other", START_MS, 2);
  await storeHistory(serving.redis, one);
  await storeHistory(serving.redis, other);
});
beforeEach(async () => {
  await markComplete(serving.redis);
});
afterAll(() => serving.close());

const id = (history: History, entity: string) => history.ids[entity] ?? "";
const asOf = (atMs: number, rows: number) => new Array(rows).fill(timeText(atMs));

test("across several rows, every feature of every entity has the engine's value, a status and a time", async () => {
  const histories = [one, other, one];
  const entities = Object.fromEntries(engine.entities.map(({ key, name }) => [key, histories.map((h) => id(h, name))]));
  const answer = await serving.post(PATH, {
    feature_service: "fraud_features",
    entities: { ...entities, event_timestamp: asOf(AS_OF_MS, 3) },
  });
  expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
  const columns = columnsOf(answer);
  const names = engine.entities.flatMap((_, entity) => engine.entityFeatures(entity));
  expect([...columns.keys()]).toEqual([...engine.entities.map(({ key }) => key), ...names]);
  for (const [entity, { key, name }] of engine.entities.entries()) {
    expect(columns.get(key)).toEqual({
      values: entities[key],
      statuses: ["PRESENT", "PRESENT", "PRESENT"],
      event_timestamps: [EPOCH, EPOCH, EPOCH],
    });
    for (const feature of engine.entityFeatures(entity)) {
      expect([feature, columns.get(feature)]).toEqual([
        feature,
        {
          values: histories.map((history) => valuesAt(history, name, AS_OF_MS)[feature]),
          statuses: ["PRESENT", "PRESENT", "PRESENT"],
          event_timestamps: histories.map(({ newestMs }) => timeText(newestMs)),
        },
      ]);
    }
  }
  // A test with nothing but defaults would prove little.
  expect(columns.get("card_sum_7d")?.values[0]).toBeGreaterThan(0);
  expect(columns.get("terminal_risk_28d")?.values[0]).not.toBe(columns.get("terminal_risk_28d")?.values[1]);
});

test("each row is computed as of its own time, or as of now if it has no time", async () => {
  const times = [AS_OF_MS, AS_OF_MS + 3 * DAY_MS, AS_OF_MS + 29 * DAY_MS];
  const card = id(one, "card");
  const request = { features: referencesOf("card"), entities: { card_token: [card, card, card] } };
  const columns = columnsOf(
    await serving.post(PATH, { ...request, entities: { ...request.entities, event_timestamp: times.map(timeText) } }),
  );
  expect([...columns.keys()]).not.toContain("event_timestamp");
  for (const feature of ["card_count_1d", "card_count_7d", "card_sum_7d", "card_seconds_since_last"]) {
    expect(columns.get(feature)?.values).toEqual(times.map((atMs) => valuesAt(one, "card", atMs)[feature]));
  }
  expect(columns.get("card_count_7d")?.values[0]).not.toBe(columns.get("card_count_7d")?.values[1]);

  const recent = makeHistory("recent", Date.now(), 3);
  await storeHistory(serving.redis, recent);
  const before = valuesAt(recent, "card", Date.now());
  const now = columnsOf(
    await serving.post(PATH, { features: referencesOf("card"), entities: { card_token: [id(recent, "card")] } }),
  );
  const after = valuesAt(recent, "card", Date.now());
  for (const [feature, value] of Object.entries(before)) {
    const given = now.get(feature)?.values[0];
    expect(given).toBeGreaterThanOrEqual(Math.min(value, after[feature] ?? 0));
    expect(given).toBeLessThanOrEqual(Math.max(value, after[feature] ?? 0));
  }
  expect(now.get("card_count_30d")?.statuses).toEqual(["PRESENT"]);
});

test("an unknown entity is NOT_FOUND, a feature without history has its default value, an old one is OUTSIDE_MAX_AGE", async () => {
  const fresh = makeHistory("fresh", START_MS, 4);
  const cardOnly = { ...fresh, ids: { card: "ct_sparse" } };
  await storeHistory(serving.redis, cardOnly);
  const answer = await serving.post(PATH, {
    features: ["card_windows:card_count_30d", "card_windows:card_fraud_count_7d", "terminal_windows:terminal_count_1d"],
    entities: {
      card_token: ["ct_sparse", "ct_nobody", "ct_sparse", "ct_sparse"],
      terminal_id: [id(one, "terminal"), "t_nobody", "t_nobody", id(one, "terminal")],
      event_timestamp: [AS_OF_MS, AS_OF_MS, fresh.newestMs + 30 * DAY_MS, fresh.newestMs + 30 * DAY_MS + 1].map(
        timeText,
      ),
    },
  });
  const columns = columnsOf(answer);
  const newest = timeText(fresh.newestMs);
  const count = columns.get("card_count_30d");
  expect(count?.statuses).toEqual(["PRESENT", "NOT_FOUND", "PRESENT", "OUTSIDE_MAX_AGE"]);
  expect(count?.values[1]).toBeNull();
  expect(count?.event_timestamps).toEqual([newest, EPOCH, newest, newest]);
  expect(columns.get("terminal_count_1d")?.statuses).toEqual(["PRESENT", "NOT_FOUND", "NOT_FOUND", "OUTSIDE_MAX_AGE"]);
  // No label of this card was reported in the last week of its history.
  const frauds = columns.get("card_fraud_count_7d");
  expect([frauds?.values[2], frauds?.statuses[2]]).toEqual([0, "PRESENT"]);
  expect(answer.text).toContain("0.0");
});

test("full names contain the view, and views are returned in the order of their first feature", async () => {
  const answer = await serving.post(PATH, {
    features: [
      "terminal_windows:terminal_count_1d",
      "card_windows@latest:card_count_1d",
      "terminal_windows:terminal_count_7d",
    ],
    entities: { ip_token: ["x"], terminal_id: ["t"], card_token: ["c"] },
    full_feature_names: true,
    include_feature_view_version_metadata: true,
    some_field_of_a_later_feast: 1,
  });
  expect(JSON.parse(answer.text).metadata).toEqual({
    feature_names: [
      ...["ip_token", "terminal_id", "card_token"],
      ...["terminal_windows__terminal_count_1d", "terminal_windows__terminal_count_7d", "card_windows__card_count_1d"],
    ],
    feature_view_metadata: [{ name: "terminal_windows" }, { name: "card_windows" }],
  });
});

test("without the completeness mark, window features are rejected, and profiles are still served", async () => {
  await serving.post("/push", {
    push_source_name: "card_profile_push",
    df: { card_token: ["ct_marked"], event_timestamp: ["2026-01-01T00:00:00Z"], plan: [7] },
  });
  await unmarkComplete(serving.redis);
  serving.completeness.answer = false;
  const request = { features: referencesOf("card"), entities: { card_token: [id(one, "card")] } };
  const answer = await serving.post(PATH, request);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json\b/);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(JSON.parse(answer.text).detail).toContain("tripline rebuild-state");

  serving.completeness.answer = new Promise(() => {});
  expect((await serving.post(PATH, request)).status).toBe(503);

  const profile = { features: ["card_profile:plan"], entities: { card_token: ["ct_marked"] } };
  expect(columnsOf(await serving.post(PATH, profile)).get("plan")?.values).toEqual([7]);

  serving.completeness.answer = true;
  expect((await serving.post(PATH, request)).status).toBe(200);
  serving.completeness.answer = false;
});

test("regression #24: a state flagged as uncertain by a rebuild returns no values until the flag expires", async () => {
  const entities = { card_token: [id(one, "card"), id(other, "card")], event_timestamp: asOf(AS_OF_MS, 2) };
  const statuses = async () => {
    const answer = await serving.post(PATH, { features: ["card_windows:card_count_7d"], entities });
    return columnsOf(answer).get("card_count_7d")?.statuses;
  };
  const [plan] = engine.entities;
  const keys = new Set(plan === undefined ? [] : [stateKey(plan, TENANT, id(one, "card"))]);
  const key = completeKey(engine.entities);
  await serving.redis.set(key, encodeMark({ keys, untilMs: Date.now() + HOUR_MS }));
  expect(await statuses()).toEqual(["NOT_FOUND", "PRESENT"]);
  await serving.redis.set(key, encodeMark({ keys, untilMs: Date.now() - 1 }));
  expect(await statuses()).toEqual(["PRESENT", "PRESENT"]);
});

test("looks up a missing mark once for all waiting requests, and again for the next request", async () => {
  await unmarkComplete(serving.redis);
  const bound = new BoundRedis(serving.redis, 100);
  const answered: ((isComplete: boolean) => void)[] = [];
  const isComplete = () => new Promise<boolean>((resolve) => answered.push(resolve));
  const reader = new FeatureReader({ engine, redis: bound, isComplete, now: Date.now });
  const views = describeViews(engine);
  const body = { features: ["card_windows:card_count_1d"], entities: { card_token: ["ct_nobody"] } };
  const request = parseOnlineRequest(Buffer.from(JSON.stringify(body)), views.joinKeys);
  const lookup = new Lookups(views).of(request.selection);
  for (const [round, outcome] of [false, true].entries()) {
    const reads = [1, 2, 3].map(() =>
      reader.read("demo", lookup, request).then(
        () => true,
        () => false,
      ),
    );
    // Redis responds in order, so all three have seen by now that there is no mark.
    await bound.ping();
    await new Promise(setImmediate);
    expect(answered).toHaveLength(round + 1);
    answered[round]?.(outcome);
    expect(await Promise.all(reads)).toEqual([outcome, outcome, outcome]);
  }
});

test("does not find another tenant's state", async () => {
  const theirs = makeHistory("theirs", START_MS, 5);
  await storeHistory(serving.redis, theirs, "somebody-else");
  const answer = await serving.post(PATH, {
    features: ["card_windows:card_count_1d"],
    entities: { card_token: [id(theirs, "card")] },
  });
  expect(columnsOf(answer).get("card_count_1d")).toMatchObject({ values: [null], statuses: ["NOT_FOUND"] });
});

test("a state with an unsupported version is an error, not a value", async () => {
  const [plan] = engine.entities;
  if (plan === undefined) throw new Error("no entity");
  const key = `state:card:${plan.fingerprint.toString(36)}:demo:ct_future`;
  await serving.redis.set(key, Buffer.from([99, 0, 0]));
  const answer = await serving.post(PATH, {
    features: ["card_windows:card_count_1d"],
    entities: { card_token: ["ct_future"] },
  });
  expect([answer.status, JSON.parse(answer.text).code]).toEqual([500, "state-unreadable"]);
});

test("one request needs one command, regardless of the number of rows and views", async () => {
  const { host = "", port = 0, db } = serving.redis.options;
  // ioredis fails if another client's command arrives together with the reply to MONITOR.
  const monitor = connect(port, host);
  monitor.write("MONITOR\r\n");
  const lines = createInterface({ input: monitor })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("+OK");
  const rows = 50;
  await serving.post(PATH, {
    features: [...referencesOf("card", "terminal"), "card_profile:plan"],
    entities: {
      card_token: Array.from({ length: rows }, (_, row) => `ct_${row}`),
      terminal_id: Array.from({ length: rows }, (_, row) => `t_${row}`),
    },
  });
  await serving.redis.echo("end");
  const commands: string[][] = [];
  while (commands.at(-1)?.[0] !== "echo") {
    const [, from, args = ""] = /^\S+ \[(\d+) [^\]]+\] (.+)$/.exec((await lines.next()).value ?? "") ?? [];
    if (Number(from) === db) commands.push(args.slice(1, -1).split('" "'));
  }
  monitor.destroy();
  expect(commands.slice(0, -1).map(([name]) => name)).toEqual(["mget", "zrange"]);
  expect(commands[0]).toHaveLength(1 + 1 + 3 * rows);
});
