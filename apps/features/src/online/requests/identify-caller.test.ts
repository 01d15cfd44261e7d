import { START_MS } from "../../testing/events.js";
import type { TestIssuer } from "../../testing/issuer.js";
import { startIssuer } from "../../testing/issuer.js";
import type { History, TestServing } from "../../testing/serving.js";
import { columnsOf, makeHistory, markComplete, startServing, storeHistory, timeText } from "../../testing/serving.js";

let issuer: TestIssuer;
let serving: TestServing;
let history: History;

beforeAll(async () => {
  issuer = await startIssuer();
  serving = await startServing(issuer.environment);
  await markComplete(serving.redis);
  history = makeHistory("acme", START_MS);
  await storeHistory(serving.redis, history, "acme");
});
afterAll(async () => {
  await serving.close();
  issuer.close();
});

const token = (scope: string, tenant = "acme") => `Bearer ${issuer.token(scope, tenant)}`;

const read = (authorization?: string) =>
  serving.post(
    "/get-online-features",
    {
      features: ["card_windows:card_count_30d"],
      entities: { card_token: [history.ids.card], event_timestamp: [timeText(START_MS)] },
    },
    authorization === undefined ? {} : { authorization },
  );
const push = (authorization?: string) =>
  serving.post(
    "/push",
    {
      push_source_name: "card_profile_push",
      df: { card_token: ["ct"], event_timestamp: ["2026-01-01T00:00:00Z"], a: [1] },
    },
    authorization === undefined ? {} : { authorization },
  );

test("the token determines the tenant for reads and pushes", async () => {
  const both = "features:read features:write";
  expect(columnsOf(await read(token(both))).get("card_count_30d")?.statuses).toEqual(["PRESENT"]);
  expect(columnsOf(await read(token(both, "globex"))).get("card_count_30d")?.statuses).toEqual(["NOT_FOUND"]);
  expect((await push(token(both, "globex"))).status).toBe(200);
  expect(await serving.redis.keys("profile:*")).toEqual(["profile:card_profile:globex:ct"]);
});

test.each<[name: string, authorization: () => string | undefined, reads: number, pushes: number]>([
  ["no token", () => undefined, 401, 401],
  ["a token of another key", () => `Bearer ${issuer.forged("features:read features:write", "acme")}`, 401, 401],
  ["a token without a scope of features", () => token("transactions:write"), 403, 403],
  ["a token for reading", () => token("features:read"), 200, 403],
  ["a token for pushing", () => token("features:write"), 403, 200],
])("reads and pushes get the right status with %s", async (_name, authorization, reads, pushes) => {
  expect([(await read(authorization())).status, (await push(authorization())).status]).toEqual([reads, pushes]);
});
