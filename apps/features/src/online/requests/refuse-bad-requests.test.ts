import type { TestServing } from "../../testing/serving.js";
import { columnsOf, markComplete, startServing } from "../../testing/serving.js";
import { LOOKUPS_MAX } from "./limits.js";

const READ = "/get-online-features";
const FEATURE = "card_windows:card_count_1d";
const good = { features: [FEATURE], entities: { card_token: ["ct_1"] } };
const frame = { card_token: ["ct_1", "ct_2"], event_timestamp: ["2026-01-01T00:00:00Z", "2026-01-01 00:00:00"] };
const push = (df: unknown) => ({ push_source_name: "card_profile_push", df });

let serving: TestServing;

beforeAll(async () => {
  serving = await startServing();
  await markComplete(serving.redis);
  const stored = await serving.post("/push", push({ ...frame, known: [1, 2] }));
  expect(stored.status).toBe(200);
});
afterAll(() => serving.close());

const many = (count: number) => Array.from({ length: count }, (_, index) => `ct_${index}`);

test.each<[name: string, body: unknown, status: number, pointer: string | undefined, detail: string]>([
  ["nothing", "", 400, undefined, "The body is empty"],
  ["half a body", '{"features": [', 400, undefined, "not valid JSON"],
  ["a list", [], 422, "", "must be an object"],
  ["no entities", { features: [FEATURE] }, 422, "/entities", "is missing"],
  ["entities without a column", { ...good, entities: {} }, 422, "/entities", "is empty"],
  [
    "an entity that is not a list",
    { ...good, entities: { card_token: "ct_1" } },
    422,
    "/entities/card_token",
    "a list",
  ],
  ["no rows", { ...good, entities: { card_token: [] } }, 422, "/entities/card_token", "is empty"],
  [
    "lists of different lengths",
    { ...good, entities: { card_token: ["a", "b"], terminal_id: ["t"] } },
    422,
    "/entities/terminal_id",
    "has 1 values, but /entities/card_token has 2",
  ],
  ["an unknown join key", { ...good, entities: { driver_id: ["1"] } }, 422, "/entities/driver_id", "card_token"],
  ["an entity instead of its join key", { ...good, entities: { card: ["1"] } }, 422, "/entities/card", "card_token"],
  ["a missing join key", { ...good, entities: { terminal_id: ["t"] } }, 422, "/entities", "must contain card_token"],
  ["a number as an ID", { ...good, entities: { card_token: ["a", 5] } }, 422, "/entities/card_token/1", "a string"],
  ["null as an ID", { ...good, entities: { card_token: [null] } }, 422, "/entities/card_token/0", "a string"],
  [
    "an invalid time",
    { ...good, entities: { card_token: ["a"], event_timestamp: ["2026-02-30T00:00:00Z"] } },
    422,
    "/entities/event_timestamp/0",
    "must be a time such as",
  ],
  ["no features", { ...good, features: [] }, 422, "/features", "is empty"],
  ["a number as a feature", { ...good, features: [1] }, 422, "/features/0", "a string"],
  ["too many features", { ...good, features: many(257) }, 422, "/features", "at most 256"],
  ["a feature without a view", { ...good, features: ["card_count_1d"] }, 422, "/features/0", "<view>:<feature>"],
  [
    "an unknown view",
    { ...good, features: [FEATURE, "cards:x"] },
    422,
    "/features/1",
    'the view "cards", which does not exist; choose from',
  ],
  ["a view of another version", { ...good, features: ["card_windows@v2:x"] }, 422, "/features/0", "card_windows@v2"],
  ["an unknown feature", { ...good, features: ["card_windows:nope"] }, 422, "/features/0", '"nope" from card_windows'],
  [
    "a feature of a payment",
    { ...good, features: ["card_windows:amount"] },
    422,
    "/features/0",
    '"amount" from card_windows',
  ],
  ["a feature twice", { ...good, features: [FEATURE, FEATURE] }, 422, "/features/1", "a second time"],
  ["an unknown service", { ...good, feature_service: "nope" }, 422, "/feature_service", "choose from fraud_features"],
  ["a column never pushed", { ...good, features: ["card_profile:nope"] }, 422, "/features/0", "the view has known"],
  [
    "a column with an invalid name",
    { ...good, features: ["card_profile:a b"] },
    422,
    "/features/0",
    "which is not a valid name",
  ],
  ["too many rows", { ...good, entities: { card_token: many(1_001) } }, 422, "/entities", "at most 1000"],
  ["a name for a flag", { ...good, full_feature_names: "yes" }, 422, "/full_feature_names", "true or false"],
  ["a megabyte", { ...good, entities: { card_token: ["x".repeat(1024 * 1024)] } }, 413, undefined, "exceeds the limit"],
])("rejects a read: %s", async (_name, body, status, pointer, detail) => {
  const answer = await serving.post(READ, body);
  const problem = JSON.parse(answer.text);
  expect([answer.status, problem.detail]).toEqual([status, expect.stringContaining(detail)]);
  expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json\b/);
  expect(problem.errors?.[0].pointer).toBe(pointer);
});

test.each<[name: string, body: unknown, status: number, pointer: string | undefined, detail: string]>([
  ["windows", { push_source_name: "card_windows_push", df: {} }, 422, "/push_source_name", "computed from payments"],
  ["an unknown source", { push_source_name: "nope", df: {} }, 422, "/push_source_name", "terminal_profile_push"],
  ["no data", { push_source_name: "card_profile_push" }, 422, "/df", "is missing"],
  ["to the offline store", { ...push(frame), to: "offline" }, 422, "/to", 'must be "online"'],
  [
    "no join key",
    push({ event_timestamp: ["2026-01-01T00:00:00Z"], x: [1] }),
    422,
    "/df",
    "must have the column card_token",
  ],
  ["no time", push({ card_token: ["a"], x: [1] }), 422, "/df", "must have the column event_timestamp"],
  ["an invalid time", push({ ...frame, event_timestamp: ["x", "y"] }), 422, "/df/event_timestamp/0", "a time such as"],
  ["an empty id", push({ ...frame, card_token: ["a", ""] }), 422, "/df/card_token/1", "1 to 256 characters"],
  [
    "a card number",
    push({ ...frame, card_token: ["a", "4111-1111-1111-1111"] }),
    422,
    "/df/card_token/1",
    "card number",
  ],
  ["no column", push(frame), 422, "/df", "must have a column in addition to"],
  ["columns of different lengths", push({ ...frame, x: [1] }), 422, "/df/x", "has 1 values, but /df/card_token has 2"],
  ["text", push({ ...frame, x: [1, "2"] }), 422, "/df/x/1", "a finite number or null"],
  ["true", push({ ...frame, x: [true, 1] }), 422, "/df/x/0", "a finite number or null"],
  ["NaN in quotes", push({ ...frame, x: ["NaN", 1] }), 422, "/df/x/0", "a finite number or null"],
  ["a column with an invalid name", push({ ...frame, "a;b": [1, 2] }), 422, "/df/a;b", "is not a valid name"],
  [
    "too many columns",
    push({ ...frame, ...Object.fromEntries(many(65).map((name) => [name, [1, 2]])) }),
    422,
    "/df",
    "at most 64",
  ],
  [
    "too many columns in total",
    push({ ...frame, ...Object.fromEntries(many(64).map((name) => [name, [1, 2]])) }),
    422,
    "/df",
    "more than 64 columns",
  ],
  ["too many rows", push({ card_token: many(1_001) }), 422, "/df", "at most 1000"],
  [
    "NaN as Python writes it",
    '{"push_source_name":"card_profile_push","df":{"card_token":["a"],"event_timestamp":["2026-01-01T00:00:00Z"],"x":[NaN]}}',
    400,
    undefined,
    "NaN",
  ],
  [
    "an infinite number",
    '{"push_source_name":"card_profile_push","df":{"card_token":["a"],"event_timestamp":["2026-01-01T00:00:00Z"],"x":[1e999]}}',
    422,
    "/df/x/0",
    "a finite number or null",
  ],
  [
    "an integer beyond 64 bits",
    '{"push_source_name":"card_profile_push","df":{"card_token":["a"],"event_timestamp":["2026-01-01T00:00:00Z"],"x":[9223372036854775808]}}',
    422,
    "/df/x/0",
    "64-bit integer",
  ],
])("rejects a push: %s", async (_name, body, status, pointer, detail) => {
  const before = await serving.redis.dbsize();
  const answer = await serving.post("/push", body);
  const problem = JSON.parse(answer.text);
  expect([answer.status, problem.detail]).toEqual([status, expect.stringContaining(detail)]);
  expect(problem.errors?.[0].pointer).toBe(pointer);
  expect(await serving.redis.dbsize()).toBe(before);
});

const PROFILE = { card_token: ["ct_1"], event_timestamp: ["2026-01-01T00:00:00Z"], known: [1] };

test.each<
  [name: string, path: string, body: unknown, headers: Record<string, string>, status: number, exception: string]
>([
  ["an unknown view", READ, { ...good, features: ["cards:x"] }, {}, 422, "FeatureViewNotFoundException"],
  ["an unknown service", READ, { ...good, feature_service: "nope" }, {}, 422, "FeatureServiceNotFoundException"],
  ["an unknown feature", READ, { ...good, features: ["card_windows:x"] }, {}, 422, "FeastObjectNotFoundException"],
  ["a column never pushed", READ, { ...good, features: ["card_profile:x"] }, {}, 422, "FeastObjectNotFoundException"],
  ["a feature twice", READ, { ...good, features: [FEATURE, FEATURE] }, {}, 422, "FeatureNameCollisionError"],
  ["an unknown join key", READ, { ...good, entities: { driver_id: ["1"] } }, {}, 422, "EntityNotFoundException"],
  ["a missing join key", READ, { ...good, entities: { terminal_id: ["t"] } }, {}, 422, "FeastError"],
  ["an unknown source", "/push", { push_source_name: "nope", df: PROFILE }, {}, 422, "PushSourceNotFoundException"],
  ["half a body", "/push", "{", {}, 400, "FeastError"],
  ["text for JSON", "/push", "{}", { "content-type": "text/plain" }, 415, "FeastError"],
  ["a wrong token", READ, good, { authorization: "Bearer x.y.z" }, 401, "FeastPermissionError"],
])("returns errors in the format of Feast's SDK: %s", async (_name, path, body, headers, status, exception) => {
  const answer = await serving.post(path, body, { accept: "*/*", ...headers });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([status, "application/json"]);
  const text: unknown = JSON.parse(answer.text);
  const problem = JSON.parse((await serving.post(path, body, headers)).text);
  expect(JSON.parse(String(text))).toEqual({ module: "feast.errors", class: exception, message: problem.detail });
});

test("rejects writes to window views and to unknown views", async () => {
  const windows = await serving.post("/write-to-online-store", { feature_view_name: "ip_windows", df: {} });
  expect([windows.status, windows.text]).toEqual([422, expect.stringContaining("computed from payments and labels")]);
  const unknown = await serving.post("/write-to-online-store", { feature_view_name: "nope", df: {} });
  expect([unknown.status, unknown.text]).toEqual([422, expect.stringContaining("choose from card_windows")]);
});

test("does not cache a rejected list of features, but caches a valid one", async () => {
  for (let round = 0; round < 2; round += 1) {
    expect((await serving.post(READ, { ...good, features: ["card_windows:nope"] })).status).toBe(422);
    expect(columnsOf(await serving.post(READ, good)).get("card_count_1d")?.statuses).toEqual(["NOT_FOUND"]);
    // The same names in other positions are a different list.
    const full = await serving.post(READ, { ...good, full_feature_names: true });
    expect([...columnsOf(full).keys()]).toEqual(["card_token", "card_windows__card_count_1d"]);
  }
});

test("responds even if there are more lists of features than the cache holds", async () => {
  for (let index = 0; index <= LOOKUPS_MAX; index += 1) {
    const features = [FEATURE, `terminal_profile:column_${index}`];
    const answer = await serving.post(READ, { features, entities: { card_token: ["a"], terminal_id: ["t"] } });
    expect([...columnsOf(answer).keys()].at(-1)).toBe(`column_${index}`);
  }
});

test.each([
  ["GET", undefined, {}, 405],
  ["POST", "{}", { "content-type": "text/plain" }, 415],
  ["POST", "{}", { "content-type": "application/json", "content-encoding": "gzip" }, 415],
  ["POST", "{}", { "content-type": "application/json", authorization: "Bearer x.y.z" }, 401],
])("answers %s %s with %p with status %d", async (method, body, headers, status) => {
  for (const path of [READ, "/push", "/write-to-online-store"]) {
    const answer = await fetch(serving.service.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status).toBe(status);
    if (status === 405) expect(answer.headers.get("allow")).toBe("POST");
  }
});
