import { BinaryReader } from "@bufbuild/protobuf/wire";
import { FeastHttpClient } from "./http/feast-http-client.js";
import { toRecords } from "./online-features.js";
import { EntityKeyEncoder } from "./redis/entity-key.js";
import { FeastRedisClient } from "./redis/feast-redis-client.js";
import type { FeatureRegistry } from "./registry/feature-registry.js";
import type { RunningFeast } from "./testing/start-feast.js";
import { FEAST_START_MS_MAX, startFeast } from "./testing/start-feast.js";

const AT_MS = 1_772_366_405_000;
const timeoutMs = 10_000;

let feast: RunningFeast;
let registry: FeatureRegistry;
let direct: FeastRedisClient;

beforeAll(async () => {
  feast = await startFeast({ isVersioned: true });
  await feast.call("apply_versions", {
    features: [
      { mean: "DOUBLE" },
      { mean: "DOUBLE", count: "INT64" },
      { mean: "DOUBLE", count: "INT64", name: "STRING" },
    ],
  });
  await feast.call("refresh");
  registry = await feast.registry();
  direct = new FeastRedisClient({ redis: feast.redis, registry, timeoutMs });
  for (const [version, features] of [
    { mean: 0.5 },
    { mean: 1.5, count: 10 },
    { mean: 2.5, count: 20, name: "x" },
  ].entries()) {
    await feast.call("write_version", {
      view: "versioned",
      version,
      rows: [{ entity: { card_id: "by-feast" }, features, eventTimestampMs: AT_MS }],
    });
  }
}, FEAST_START_MS_MAX);

afterAll(async () => {
  await feast?.stop();
});

test("the registry lists current and former versions, each with its features", () => {
  const current = registry.featureViews.find(({ name }) => name === "versioned");
  expect(current).toMatchObject({ version: 2, features: { mean: "DOUBLE", count: "INT64", name: "STRING" } });
  const former = (registry.formerVersions ?? []).filter(({ name }) => name === "versioned");
  expect(former).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ version: 0, features: { mean: "DOUBLE" } }),
      expect.objectContaining({ version: 1, features: { mean: "DOUBLE", count: "INT64" } }),
    ]),
  );
});

test.each([
  ["versioned:mean", 2.5],
  ["versioned@latest:mean", 2.5],
  ["versioned@v0:mean", 0.5],
  ["versioned@v1:mean", 1.5],
  ["versioned@V2:mean", 2.5],
])("reads %s from Redis and over HTTP", async (reference, mean) => {
  const request = { features: [reference], entities: [{ card_id: "by-feast" }] };
  expect(toRecords(await direct.getOnlineFeatures(request))).toEqual([{ mean }]);
  const http = new FeastHttpClient({ url: feast.httpUrl, timeoutMs });
  expect(toRecords(await http.getOnlineFeatures(request))).toEqual([{ mean }]);
});

test("reads two versions together with full names", async () => {
  const request = {
    features: ["versioned@v1:count", "versioned@v2:count", "versioned:mean"],
    entities: [{ card_id: "by-feast" }],
    fullFeatureNames: true,
  };
  const expected = [{ "versioned@v1__count": 10, "versioned@v2__count": 20, versioned__mean: 2.5 }];
  expect(toRecords(await direct.getOnlineFeatures(request))).toEqual(expected);
  const http = new FeastHttpClient({ url: feast.httpUrl, registry, timeoutMs });
  expect(toRecords(await http.getOnlineFeatures(request))).toEqual(expected);
});

test("Feast's SDK reads rows written to a version only from that version", async () => {
  const write = (featureView: string, features: Record<string, unknown>) =>
    direct.writeOnlineFeatures({
      featureView,
      rows: [{ entity: { card_id: "by-us" }, features, eventTimestampMs: AT_MS }],
    });
  await write("versioned@v1", { mean: 11, count: 12 });
  await write("versioned", { mean: 21, count: 22, name: "us" });
  const entities = [{ card_id: "by-us" }];
  for (const [reference, mean] of [
    ["versioned@v1:mean", 11],
    ["versioned@v2:mean", 21],
    ["versioned:mean", 21],
    ["versioned@v0:mean", null],
  ] as const) {
    const read = await feast.call("read", { features: [reference], entities });
    expect([reference, read]).toMatchObject([reference, { mean: { values: [mean] } }]);
  }
});

test("reports a version that does not exist", async () => {
  const request = { features: ["versioned@v7:mean"], entities: [{ card_id: "by-feast" }] };
  await expect(direct.getOnlineFeatures(request)).rejects.toMatchObject({
    code: "unknown-feature-view",
    field: "versioned@v7",
  });
  const older = { features: ["versioned@v0:count"], entities: [{ card_id: "by-feast" }] };
  await expect(direct.getOnlineFeatures(older)).rejects.toMatchObject({ code: "unknown-feature" });
});

/** For a service with `precompute_online`, Feast responds only from the stored vector. */
describe("the vectors of a feature service", () => {
  const entity = { terminal_id: 11 };
  const writeStats = (at: number, amount_mean: number) =>
    direct.writeOnlineFeatures({
      featureView: "terminal_stats",
      rows: [{ entity, features: { amount_mean }, eventTimestampMs: at }],
    });
  const writeRisk = (at: number, risk: number, frauds: number | null) =>
    direct.writeOnlineFeatures({
      featureView: "terminal_risk",
      rows: [{ entity, features: { risk, frauds }, eventTimestampMs: at }],
    });
  const served = () => feast.call("read_service", { service: "kept", entities: [entity] });
  /** Number and bytes of its fields, except for its creation time. */
  const storedVector = async (): Promise<[number, Buffer][]> => {
    const [field = ""] = (await feast.call("hash_fields", { names: ["__precomputed__kept:vector"] })) as string[];
    const joinKey = { name: "terminal_id", storedName: "terminal_id", type: "INT64" } as const;
    const key = new EntityKeyEncoder([joinKey], feast.project).encode(entity, 0);
    const value = new BinaryReader((await feast.redis.hgetBuffer(key, Buffer.from(field, "hex"))) ?? new Uint8Array());
    value.tag();
    const vector = new BinaryReader(value.bytes());
    const fields: [number, Buffer][] = [];
    while (vector.pos < vector.len) fields.push([vector.tag()[0], Buffer.from(vector.bytes())]);
    return fields.filter(([number]) => number !== 4);
  };

  test("contain our writes immediately, even for a new entity", async () => {
    await writeStats(AT_MS, 2.5);
    expect(await served()).toMatchObject({
      terminal_stats__amount_mean: [2.5],
      danger__frauds: [null],
      danger__risk: [null],
    });
    await writeRisk(AT_MS, 0.5, 3);
    await feast.call("precompute", { service: "kept" });
    await writeStats(AT_MS + 1, 7.5);
    await writeRisk(AT_MS - 1, 0.25, 1);
    expect(await served()).toMatchObject({
      terminal_stats__amount_mean: [7.5],
      danger__frauds: [3],
      danger__risk: [0.5],
    });
  });

  test("have the same bytes as Feast's, except for the time, and accept Feast's next write", async () => {
    await writeRisk(AT_MS + 2, 0.125, null);
    const ours = await storedVector();
    expect(ours).toHaveLength(8);
    await feast.call("precompute", { service: "kept" });
    expect(await storedVector()).toEqual(ours);
    const row = { entity: { terminal_id: "11" }, features: { amount_mean: 9.5 }, eventTimestampMs: AT_MS + 3 };
    await feast.call("write", { view: "terminal_stats", rows: [row] });
    await feast.call("precompute", { service: "kept" });
    expect(await served()).toMatchObject({ terminal_stats__amount_mean: [9.5], danger__risk: [0.125] });
  });
});
