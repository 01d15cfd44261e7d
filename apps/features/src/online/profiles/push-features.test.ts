import type { TestServing } from "../../testing/serving.js";
import { columnsOf, STATE_TTL_SECONDS, startServing } from "../../testing/serving.js";

const READ = "/get-online-features";
let serving: TestServing;

beforeAll(async () => {
  serving = await startServing();
});
afterAll(() => serving.close());

async function push(df: unknown, source = "card_profile_push"): Promise<void> {
  const answer = await serving.post("/push", { push_source_name: source, df, to: "online" });
  expect([answer.status, answer.text]).toEqual([200, ""]);
}

const read = (features: readonly string[], ids: readonly string[]) =>
  serving.post(READ, { features, entities: { card_token: ids } });

test("pushed integers, doubles, nulls and times are read back unchanged", async () => {
  const answered = await serving.post(
    "/push",
    '{"push_source_name":"card_profile_push","df":{"card_token":["ct_1","ct_2"],"event_timestamp":' +
      '["2026-03-01T10:00:00.125+01:00","2026-03-01 10:00:00"],"created":[null,null],' +
      '"whole":[9007199254740993,-3],"mixed":[3,2.5],"none":[null,4],"tiny":[1e-7,3.0]}}',
  );
  expect(answered.status).toBe(200);
  const answer = await read(
    ["card_profile:mixed", "card_profile:whole", "card_profile:none", "card_profile:tiny"],
    ["ct_2", "ct_1", "ct_3"],
  );
  const times = '"event_timestamps":["2026-03-01T10:00:00Z","2026-03-01T09:00:00.125Z","1970-01-01T00:00:00Z"]';
  const column = (values: string, statuses: string) => `{"values":[${values}],"statuses":[${statuses}],${times}}`;
  const found = '"PRESENT","PRESENT","NOT_FOUND"';
  expect(answer.text).toContain(column("2.5,3.0,null", found));
  expect(answer.text).toContain(column("-3,9007199254740993,null", found));
  expect(answer.text).toContain(column("4,null,null", '"PRESENT","NULL_VALUE","NOT_FOUND"'));
  expect(answer.text).toContain(column("3.0,1e-7,null", found));
});

test("a newer row replaces the older one entirely, and an older or equally old row changes nothing", async () => {
  const at = (day: number) => [`2026-01-${String(day).padStart(2, "0")}T00:00:00Z`];
  const card_token = ["ct_order"];
  await push({ card_token, event_timestamp: at(2), a: [1], b: [1] });
  await push({ card_token, event_timestamp: at(3), a: [2] });
  await push({ card_token, event_timestamp: at(1), a: [3], b: [3] });
  await push({ card_token, event_timestamp: at(3), a: [4], b: [4] });
  const columns = columnsOf(await read(["card_profile:a", "card_profile:b"], card_token));
  expect(columns.get("a")).toEqual({
    values: [2],
    statuses: ["PRESENT"],
    event_timestamps: ["2026-01-03T00:00:00Z"],
  });
  expect(columns.get("b")).toMatchObject({ values: [null], statuses: ["NULL_VALUE"] });
});

test("uses the newest of several rows of one entity, regardless of their order", async () => {
  const card_token = ["ct_twice", "ct_twice", "ct_twice"];
  const event_timestamp = ["2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z"];
  await push({ card_token, event_timestamp, a: [1, 3, 2] });
  expect(columnsOf(await read(["card_profile:a"], ["ct_twice"])).get("a")?.values).toEqual([3]);
});

test("a thousand rows are written, read in one request, and expire after their lifetime", async () => {
  const terminal_id = Array.from({ length: 1_000 }, (_, index) => `t_${index}`);
  const event_timestamp = terminal_id.map(() => "2026-01-01T00:00:00Z");
  await push({ terminal_id, event_timestamp, rank: terminal_id.map((_, index) => index) }, "terminal_profile_push");
  const answer = await serving.post(READ, { features: ["terminal_profile:rank"], entities: { terminal_id } });
  expect(columnsOf(answer).get("rank")?.values).toEqual(terminal_id.map((_, index) => index));
  for (const key of ["profile:terminal_profile:demo:t_999", "profile-columns:terminal_profile:demo"]) {
    const ttl = await serving.redis.ttl(key);
    expect(ttl).toBeGreaterThan(STATE_TTL_SECONDS - 100);
    expect(ttl).toBeLessThanOrEqual(STATE_TTL_SECONDS);
  }
});

test("a column that was not pushed within the lifetime of a row is removed", async () => {
  const card_token = ["ct_columns"];
  await push({ card_token, event_timestamp: ["2026-01-01T00:00:00Z"], former: [1] });
  await serving.redis.zadd("profile-columns:card_profile:demo", Date.now() - STATE_TTL_SECONDS * 1_000 - 1, "former");
  await push({ card_token, event_timestamp: ["2026-01-02T00:00:00Z"], latter: [2] });
  const answer = await read(["card_profile:former"], card_token);
  expect([answer.status, answer.text]).toEqual([422, expect.stringContaining("this feature was never pushed")]);
  expect(columnsOf(await read(["card_profile:latter"], card_token)).get("latter")?.values).toEqual([2]);
});

test("full names distinguish columns of card and terminal profiles that have the same name", async () => {
  await push({ card_token: ["ct_x"], event_timestamp: ["2026-01-01T00:00:00Z"], total: [1] });
  await push({ terminal_id: ["t_x"], event_timestamp: ["2026-01-01T00:00:00Z"], total: [2] }, "terminal_profile_push");
  const request = {
    features: ["card_profile:total", "terminal_profile:total"],
    entities: { card_token: ["ct_x"], terminal_id: ["t_x"] },
  };
  const short = await serving.post(READ, request);
  expect([short.status, short.text]).toEqual([422, expect.stringContaining("or set full_feature_names")]);
  const full = columnsOf(await serving.post(READ, { ...request, full_feature_names: true }));
  expect(full.get("card_profile__total")?.values).toEqual([1]);
  expect(full.get("terminal_profile__total")?.values).toEqual([2]);
});

test("a row with an unsupported version is an error, not a value", async () => {
  await push({ card_token: ["ct_v"], event_timestamp: ["2026-01-01T00:00:00Z"], a: [1] });
  await serving.redis.set("profile:card_profile:demo:ct_v", "20000000000000001a=1");
  const answer = await read(["card_profile:a"], ["ct_v"]);
  expect([answer.status, JSON.parse(answer.text).code]).toEqual([500, "state-unreadable"]);
});
