import { FeastHttpClient } from "../http/feast-http-client.js";
import { toRecords } from "../online-features.js";
import type { RunningFeast } from "../testing/start-feast.js";
import { FEAST_START_MS_MAX, startFeast } from "../testing/start-feast.js";
import { FeastRedisClient } from "./feast-redis-client.js";
import { RowErase } from "./row-erase.js";

const AT_MS = Date.UTC(2026, 2, 1, 12);
const timeoutMs = 10_000;

let feast: RunningFeast;
let direct: FeastRedisClient;
let http: FeastHttpClient;
let erase: RowErase;

beforeAll(async () => {
  feast = await startFeast();
  direct = new FeastRedisClient({
    redis: feast.redis,
    registry: await feast.registry(),
    timeoutMs,
    nowMs: () => AT_MS,
  });
  http = new FeastHttpClient({ url: feast.httpUrl, timeoutMs });
  erase = new RowErase({ project: feast.project, joinKey: { name: "card_id", type: "STRING" } });
}, FEAST_START_MS_MAX);

afterAll(() => feast?.stop());

const write = (card_id: string, eventTimestampMs: number): Promise<unknown> => {
  const features = { amount_mean: 12.5, payment_count: 3, last_merchant: "m1", risk: 0.5 };
  return feast.call("write", { view: "card_stats", rows: [{ entity: { card_id }, features, eventTimestampMs }] });
};
const eraseUntil = (id: string, untilMs: number, isKeptAway: boolean): Promise<unknown> =>
  feast.redis.sendCommand(erase.command(id, [{ featureView: "card_stats", untilMs }], isKeptAway)) as Promise<unknown>;
const request = (card_id: string) => ({
  features: ["card_stats:risk", "card_stats:amount_mean"],
  entities: [{ card_id }],
});

test.each([
  ["that Feast wrote", "c-erased", false, 1],
  ["that was never written", "c-never", true, 0],
])("an erased row %s cannot be restored by Feast, which still accepts newer rows", async (_, id, isKeptAway, there) => {
  if (there === 1) await write(id, AT_MS - 3_600_000);
  expect(await eraseUntil(id, AT_MS, isKeptAway)).toBe(there);
  await write(id, AT_MS);
  for (const client of [direct, http]) {
    expect((await client.getOnlineFeatures(request(id))).rows[0]?.values).toEqual([null, null]);
  }
  await write(id, AT_MS + 1_000);
  expect(toRecords(await direct.getOnlineFeatures(request(id)))).toEqual([{ risk: 0.5, amount_mean: 12.5 }]);
});

test("writes nothing if the row does not exist and later rows are not blocked", async () => {
  const before = await feast.redis.dbsize();
  expect(await eraseUntil("c-unknown", AT_MS, false)).toBe(0);
  expect(await feast.redis.dbsize()).toBe(before);
});
