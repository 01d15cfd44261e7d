import { FeastGrpcClient } from "./grpc/feast-grpc-client.js";
import { FeastHttpClient } from "./http/feast-http-client.js";
import type { OnlineFeatureReader, OnlineFeatures } from "./online-features.js";
import { toRecords } from "./online-features.js";
import { FeastRedisClient } from "./redis/feast-redis-client.js";
import { featureField } from "./redis/hash-field.js";
import { EVERY_TYPE, inFixedOrder, toJavaScript } from "./testing/every-type.js";
import type { RunningFeast } from "./testing/start-feast.js";
import { FEAST_START_MS_MAX, startFeast } from "./testing/start-feast.js";
import type { FeastValue } from "./values/value-types.js";

const AT_MS = 1_772_366_405_123.456;
const REFERENCES = EVERY_TYPE.map(({ feature }) => `every_type:${feature}`);
/** Feast's HTTP server returns null for a SCALAR_MAP and logs the reason. */
const WITHOUT_SCALAR_MAP = EVERY_TYPE.filter(({ type }) => type !== "SCALAR_MAP");

let feast: RunningFeast;
let direct: FeastRedisClient;
let http: FeastHttpClient;
let untypedHttp: FeastHttpClient;
let grpc: FeastGrpcClient;

beforeAll(async () => {
  feast = await startFeast();
  const registry = await feast.registry();
  direct = new FeastRedisClient({ redis: feast.redis, registry, timeoutMs: 10_000, nowMs: () => AT_MS });
  http = new FeastHttpClient({ url: feast.httpUrl, registry, timeoutMs: 10_000 });
  untypedHttp = new FeastHttpClient({ url: feast.httpUrl, timeoutMs: 10_000 });
  grpc = new FeastGrpcClient({ address: feast.grpcAddress, server: "python", registry, timeoutMs: 10_000 });
  await feast.call("write", {
    view: "every_type",
    rows: [
      {
        entity: { card_id: "by-feast" },
        features: Object.fromEntries(EVERY_TYPE.map(({ feature, json }) => [feature, json])),
        eventTimestampMs: AT_MS,
      },
      {
        entity: { card_id: "nulls-by-feast" },
        features: Object.fromEntries(EVERY_TYPE.map(({ feature }) => [feature, null])),
        eventTimestampMs: AT_MS,
      },
    ],
  });
}, FEAST_START_MS_MAX);

afterAll(async () => {
  grpc?.close();
  await feast?.stop();
});

/** Values by feature, with sets in a fixed order. */
function byFeature(answer: OnlineFeatures, row = 0): Map<string, FeastValue> {
  const types = new Map(EVERY_TYPE.map(({ feature, type }) => [feature, type]));
  return new Map(
    answer.featureNames.map((name, index) => [
      name,
      inFixedOrder(types.get(name) ?? "", answer.rows[row]?.values[index] ?? null),
    ]),
  );
}

/** The fields stored in Redis for an entity, in hexadecimal. The bytes around the entity's value identify the key. */
async function storedHash(card: string): Promise<Map<string, string>> {
  const end = Buffer.concat([Buffer.from([card.length, 0, 0, 0]), Buffer.from(`${card}${feast.project}`)]);
  const keys = (await feast.redis.callBuffer("KEYS", "*")) as Buffer[];
  const key = keys.find((name) => name.subarray(-end.length).equals(end));
  const reply = (await feast.redis.callBuffer("HGETALL", key ?? "")) as Buffer[];
  const texts = reply.map((part) => part.toString("hex"));
  return new Map(texts.flatMap((text, index) => (index % 2 === 0 ? [[text, texts[index + 1] ?? ""] as const] : [])));
}

describe("values written by Feast", () => {
  test("have every type in the registry", async () => {
    const registry = await feast.registry();
    const view = registry.featureViews.find(({ name }) => name === "every_type");
    expect(view?.features).toEqual(Object.fromEntries(EVERY_TYPE.map(({ feature, type }) => [feature, type])));
    expect(view?.joinKeys).toEqual({ card_id: "STRING" });
  });

  test.each([
    ["Redis", () => direct, EVERY_TYPE],
    ["gRPC", () => grpc, EVERY_TYPE],
    ["HTTP with a registry", () => http, WITHOUT_SCALAR_MAP],
  ] as [string, () => OnlineFeatureReader, typeof EVERY_TYPE][])(
    "are read over %s, whatever their type",
    async (name, client, types) => {
      const features = types.map(({ feature }) => `every_type:${feature}`);
      const answer = await client().getOnlineFeatures({ features, entities: [{ card_id: "by-feast" }] });
      const expected = new Map(types.map(({ feature, type, json }) => [feature, toJavaScript(type, json)]));
      if (name.startsWith("HTTP")) expected.set("f_zoned_timestamp", "2026-03-01T13:00:05+01:00");
      expect(byFeature(answer)).toEqual(expected);
      expect(answer.featureNames).toEqual(types.map(({ feature }) => feature));
      expect(new Set(answer.rows[0]?.statuses)).toEqual(new Set(["PRESENT"]));
      expect(new Set(answer.rows[0]?.eventTimestampsMs)).toEqual(new Set([AT_MS]));
    },
  );

  test("are read as JSON over HTTP without a registry, with exact integers", async () => {
    const features = WITHOUT_SCALAR_MAP.map(({ feature }) => `every_type:${feature}`);
    const answer = await untypedHttp.getOnlineFeatures({ features, entities: [{ card_id: "by-feast" }] });
    const values = byFeature(answer);
    expect(values.get("f_int64")).toBe(9_007_199_254_740_993n);
    expect(values.get("f_int64_list")).toEqual([-1, 2n ** 63n - 1n, 1n - 2n ** 63n]);
    expect(values.get("f_bytes")).toBe("AP8QgA==");
    expect(values.get("f_double_list")).toEqual([0.1, "NaN", "Infinity", "-Infinity", 1e300]);
    expect(values.get("f_unix_timestamp")).toBe(1_772_366_405);
  });

  test("rejects a type that Feast's HTTP server cannot send, instead of reading null", async () => {
    const request = { features: ["every_type:f_scalar_map"], entities: [{ card_id: "by-feast" }] };
    await expect(http.getOnlineFeatures(request)).rejects.toMatchObject({ code: "unsupported", field: "f_scalar_map" });
  });

  test.each([
    ["Redis", () => direct],
    ["gRPC", () => grpc],
    ["HTTP", () => untypedHttp],
  ] as [string, () => OnlineFeatureReader][])(
    "distinguishes nulls from missing entities over %s",
    async (_name, client) => {
      const entities = [{ card_id: "nulls-by-feast" }, { card_id: "nowhere" }, { card_id: "by-feast" }];
      const features = WITHOUT_SCALAR_MAP.map(({ feature }) => `every_type:${feature}`);
      const { rows } = await client().getOnlineFeatures({ features, entities });
      expect(new Set(rows[0]?.values)).toEqual(new Set([null]));
      expect(new Set(rows[0]?.statuses)).toEqual(new Set(["NULL_VALUE"]));
      expect(new Set(rows[0]?.eventTimestampsMs)).toEqual(new Set([AT_MS]));
      expect(new Set(rows[1]?.values)).toEqual(new Set([null]));
      expect(new Set(rows[1]?.statuses)).toEqual(new Set(["NOT_FOUND"]));
      expect(new Set(rows[1]?.eventTimestampsMs)).toEqual(new Set([null]));
      expect(new Set(rows[2]?.statuses)).toEqual(new Set(["PRESENT"]));
    },
  );
});

describe("values written by this client", () => {
  const allNull = Object.fromEntries(EVERY_TYPE.map(({ feature }) => [feature, null as unknown]));

  test("Feast's Python SDK reads every type, in Feast's fields", async () => {
    const features = Object.fromEntries(
      EVERY_TYPE.map(({ feature, type, json }) => [feature, toJavaScript(type, json)]),
    );
    const rows = [
      { entity: { card_id: "by-us" }, features, eventTimestampMs: AT_MS },
      { entity: { card_id: "nulls-by-us" }, features: allNull, eventTimestampMs: AT_MS },
    ];
    const result = await direct.writeOnlineFeatures({ featureView: "every_type", rows });
    expect(result).toEqual({ written: 2, skipped: 0 });

    const types = Object.fromEntries(EVERY_TYPE.map(({ feature, type }) => [feature, type]));
    const cards = ["by-us", "by-feast", "nulls-by-us"].map((card_id) => ({ card_id }));
    const read = (await feast.call("read", { features: REFERENCES, entities: cards, types })) as Record<
      string,
      { kinds: (string | null)[]; values: unknown[]; timestampsMs: number[] }
    >;
    for (const { feature, json } of EVERY_TYPE) {
      const column = read[feature];
      // Feast itself wrote the second row.
      expect([feature, column?.values[0], column?.values[1]]).toEqual([feature, json, json]);
      expect([feature, column?.kinds[0]]).toEqual([feature, column?.kinds[1]]);
      expect([feature, column?.kinds[2], column?.values[2]]).toEqual([feature, null, null]);
      expect([feature, column?.timestampsMs]).toEqual([feature, [AT_MS, AT_MS, AT_MS]]);
    }
  });

  test("writes the same bytes as Feast", async () => {
    const [feasts, ours] = [await storedHash("by-feast"), await storedHash("by-us")];
    expect([...ours.keys()].sort()).toEqual([...feasts.keys()].sort());
    expect(ours.size).toBe(EVERY_TYPE.length + 1);
    // Python does not guarantee the order of maps and sets, and reads a small SCALAR_MAP key as a 32-bit one.
    const unordered = EVERY_TYPE.filter(({ type }) => /MAP|STRUCT|SET$/.test(type));
    for (const { feature } of unordered) {
      for (const hash of [feasts, ours]) hash.delete(featureField("every_type", feature).toString("hex"));
    }
    expect(ours).toEqual(feasts);
    expect(ours.size).toBeGreaterThan(20);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5e-324])(
    "preserves the double %p",
    async (value) => {
      const card_id = `double ${value}`;
      const features = { ...allNull, f_double: value, f_float: Math.fround(value) };
      await direct.writeOnlineFeatures({
        featureView: "every_type",
        rows: [{ entity: { card_id }, features, eventTimestampMs: AT_MS }],
      });
      const request = { features: ["every_type:f_double", "every_type:f_float"], entities: [{ card_id }] };
      const expected = [value, Math.fround(value)];
      for (const client of [direct, http, grpc]) {
        expect((await client.getOnlineFeatures(request)).rows[0]?.values).toEqual(expected);
      }
      const read = await feast.call("read", { ...request, types: { f_double: "DOUBLE", f_float: "FLOAT" } });
      const text = Number.isFinite(value) ? value : String(value);
      expect(read).toMatchObject({ f_double: { values: [Object.is(text, -0) ? -0 : text], kinds: ["double_val"] } });
    },
  );
});

/** Entities of every type that Feast can look up, alone and combined; `json` is for the driver. */
const KEYS = [
  ["STRING", "card_stats:amount_mean", { card_id: "Zürich 🏦" }, { card_id: "Zürich 🏦" }],
  ["INT64", "terminal_stats:amount_mean", { terminal_id: -(2n ** 63n) }, { terminal_id: "-9223372036854775808" }],
  ["INT32 and STRING", "card_shop:visits", { card_id: "c1", shop_id: -5 }, { card_id: "c1", shop_id: -5 }],
  ["BYTES", "device_stats:cards", { device_hash: Uint8Array.of(0, 255, 7) }, { device_hash: "AP8H" }],
  ["UNIX_TIMESTAMP", "hour_stats:payments", { hour_at: 1_772_366_400 }, { hour_at: 1_772_366_400 }],
  ["no entity", "global_stats:fraud_rate", {}, {}],
] as const;

/** A row is written with all features of its view. */
const OTHER_FEATURES: Record<string, Record<string, unknown>> = {
  card_stats: { payment_count: 3, last_merchant: "m1", risk: 0.5 },
};

const JSON_TYPES: Record<string, string> = { terminal_id: "INT64", device_hash: "BYTES", hour_at: "UNIX_TIMESTAMP" };

describe("entities", () => {
  test.each(KEYS)(
    "with %s that Feast wrote are read by this client, and vice versa",
    async (_type, reference, entity, json) => {
      const [view, feature] = reference.split(":") as [string, string];
      const features = (value: number) => ({ ...OTHER_FEATURES[view], [feature]: value });
      const request = { features: [reference], entities: [entity] };

      await feast.call("write", { view, rows: [{ entity: json, features: features(41), eventTimestampMs: AT_MS }] });
      expect(toRecords(await direct.getOnlineFeatures(request))).toEqual([{ [feature]: 41 }]);

      const rows = [{ entity, features: features(42), eventTimestampMs: AT_MS + 1 }];
      expect(await direct.writeOnlineFeatures({ featureView: view, rows })).toEqual({ written: 1, skipped: 0 });
      const typed = Object.fromEntries(
        Object.entries(json).map(([name, value]) => [
          name,
          JSON_TYPES[name] === undefined ? value : { type: JSON_TYPES[name], value },
        ]),
      );
      // Feast's SDK requires a join key even if the view has none.
      const entities = [Object.keys(typed).length === 0 ? { card_id: "c1" } : typed];
      const read = await feast.call("read", { features: [reference], entities });
      expect(read).toMatchObject({ [feature]: { values: [42] } });
    },
  );

  test("has the same Redis hash fields as Feast, for names of any length and in any script", async () => {
    const names = [
      "",
      "a",
      "ab",
      "abc",
      "abcd",
      "card_stats:amount_mean",
      "karte:höhe",
      "交易:金額",
      "🏦:💳",
      "x".repeat(1_000),
    ];
    const expected = await feast.call("hash_fields", { names: names.map((name) => `${name}:${name}`) });
    expect(names.map((name) => featureField(name, name).toString("hex"))).toEqual(expected);
  });
});
