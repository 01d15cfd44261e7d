import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { profileColumnTypes } from "@tripline/contracts/profile-tables";
import type { FeatureType } from "@tripline/feast-client/feature-registry";
import { FeastRedisClient } from "@tripline/feast-client/redis";
import type { Redis } from "ioredis";
import { cardOf, payment, START_MS, TENANT } from "../testing/events.js";
import { engine, makeInstance, Outbox, recordsOf, useRedis } from "../testing/instance.js";

const PROJECT = "tripline";
const DAY_MS = 86_400_000;
const SOURCE = { tenant: TENANT, project: PROJECT, profiles: ["card", "terminal"] };
const { connect, instance } = useRedis();

async function write(redis: Redis, atMs: number, features: object, types: Record<string, FeatureType> = {}) {
  const own = { ...profileColumnTypes("card"), ...types };
  const view = { name: "card_profile", joinKeys: { card_token: "STRING" as const }, features: own };
  const client = new FeastRedisClient({ redis, registry: { project: PROJECT, featureViews: [view] } });
  const empty = Object.fromEntries(Object.keys(own).map((column) => [column, null]));
  const row = { entity: { card_token: cardOf(1) }, features: { ...empty, ...features }, eventTimestampMs: atMs };
  await client.writeOnlineFeatures({ featureView: view.name, rows: [row] });
}

/** The vector of a payment at `START_MS`, and its values by name. */
async function vectorOf(change = {}) {
  const { handle, outbox } = await instance(undefined, false, { source: SOURCE });
  await handle(recordsOf([payment({ clientTransactionId: "a", latitude: 50, longitude: 4, ...change })]));
  const { values, profileTimesMs } = FeatureVector.decode(outbox.sent[0]?.value ?? new Uint8Array());
  const named = Object.fromEntries(engine.spec.features.map(({ name }, index) => [name, values[index]]));
  return { profileTimesMs, named };
}

const PROFILE = { card_first_paid_ms: START_MS - 10 * DAY_MS, card_amount_mean_total: 12.5 };
const DEFAULTS = { card_age: 0, card_profile_amount: 0, card_profile_distance: -1 };

test("the vector contains the card's values from Feast, with their time", async () => {
  await write(await connect(), START_MS - DAY_MS, { ...PROFILE, card_home_latitude: 50, card_home_longitude: 4 });
  const { named, profileTimesMs } = await vectorOf();
  expect(named).toMatchObject({ card_age: 10, card_profile_amount: 12.5, card_profile_distance: 0 });
  expect(profileTimesMs).toEqual([START_MS - DAY_MS, 0]);
});

test.each([
  ["missing", async () => {}],
  ["null", (redis: Redis) => write(redis, START_MS - DAY_MS, {})],
  ["older than the feature spec allows", (redis: Redis) => write(redis, START_MS - 90 * DAY_MS - 1, PROFILE)],
  ["dated after the payment", (redis: Redis) => write(redis, START_MS + 1, PROFILE)],
  [
    "of another type",
    (redis: Redis) =>
      write(
        redis,
        START_MS - DAY_MS,
        { ...PROFILE, card_amount_mean_total: "much" },
        { card_amount_mean_total: "STRING" },
      ),
  ],
])("for a profile that is %s, the features have their defaults, and the service continues", async (name, prepare) => {
  await prepare(await connect());
  const { named, profileTimesMs } = await vectorOf();
  expect(named).toMatchObject(DEFAULTS);
  expect(profileTimesMs).toEqual([name === "null" ? START_MS - DAY_MS : 0, 0]);
});

test("a value that is not a hash counts as missing, and the reason is logged in one sentence", async () => {
  const redis = await connect();
  await write(redis, START_MS - DAY_MS, PROFILE);
  const [key] = await redis.keysBuffer("*");
  await redis.set(key ?? "", "text");
  const reasons: string[] = [];
  const { handle, outbox } = await instance(undefined, false, {
    source: SOURCE,
    onUnreadable: (_profile, reason) => reasons.push(reason),
  });
  await handle(recordsOf([payment({ clientTransactionId: "a" })]));
  expect(outbox.sent).toHaveLength(1);
  expect(reasons).toEqual([expect.stringMatching(/^card_profile cannot be read: WRONGTYPE/)]);
});

test("profiles need no additional round trip", async () => {
  const reads: [string, number, number][] = [];
  const onRead = (profile: string, asked: number, found: number) => void reads.push([profile, asked, found]);
  const roundTrips = async (profiles: object) => {
    const connection = await connect();
    await connection.flushdb();
    await write(connection, START_MS - DAY_MS, PROFILE);
    const { handle } = makeInstance(connection, new Outbox(), false, profiles);
    await handle(recordsOf([payment({ clientTransactionId: "a" })]));
    const { stream } = connection;
    const send = stream.write.bind(stream);
    let sent = 0;
    Object.assign(stream, { write: (bytes: Buffer) => send(bytes, () => (sent += 1)) });
    await handle(recordsOf([payment({ clientTransactionId: "b" })], 1));
    return sent;
  };
  const without = await roundTrips({});
  expect(without).toBeGreaterThan(0);
  expect(await roundTrips({ source: SOURCE, onRead })).toBe(without);
  expect(reads.slice(-2)).toEqual([
    ["card", 1, 1],
    ["terminal", 1, 0],
  ]);
});

test("regression #26: reads only the configured profiles", async () => {
  const connection = await connect();
  await write(connection, START_MS - DAY_MS, PROFILE);
  const reads: string[] = [];
  // Records only this connection's commands, because other tests use the same server.
  const { stream } = connection;
  const send = stream.write.bind(stream);
  let sent = "";
  Object.assign(stream, { write: (bytes: Buffer | string) => send(bytes, () => (sent += bytes.toString())) });
  const commandsOf = async (profiles: readonly string[]) => {
    sent = "";
    const onRead = (profile: string) => void reads.push(profile);
    const { handle } = makeInstance(connection, new Outbox(), false, { source: { ...SOURCE, profiles }, onRead });
    await handle(recordsOf([payment({ clientTransactionId: "a" })]));
    return /\r\n(eval|evalsha|hmget)\r\n/i.test(sent);
  };
  expect([await commandsOf([]), reads.splice(0)]).toEqual([false, []]);
  expect([await commandsOf(["terminal"]), reads]).toEqual([true, ["terminal"]]);
});

test("does not read profiles of another tenant", async () => {
  await write(await connect(), START_MS - DAY_MS, PROFILE);
  expect((await vectorOf({ tenant: "other" })).profileTimesMs).toEqual([0, 0]);
});
