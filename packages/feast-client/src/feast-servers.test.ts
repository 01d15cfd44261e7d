import { pauseProcess } from "@tripline/local-stack/testing/pause-process";
import { FeastError } from "./feast-error.js";
import { FeastGrpcClient } from "./grpc/feast-grpc-client.js";
import { FeastHttpClient } from "./http/feast-http-client.js";
import type { OnlineFeatureReader, OnlineFeaturesRequest } from "./online-features.js";
import { toRecords } from "./online-features.js";
import { FeastRedisClient } from "./redis/feast-redis-client.js";
import type { RunningFeast } from "./testing/start-feast.js";
import { FEAST_START_MS_MAX, startFeast } from "./testing/start-feast.js";

const HOUR_MS = 3_600_000;
const timeoutMs = 10_000;

let feast: RunningFeast;
let direct: FeastRedisClient;
let http: FeastHttpClient;
let typedHttp: FeastHttpClient;
let python: FeastGrpcClient;
let serving: FeastGrpcClient;
let nowMs: number;

/** The clients with and without a registry; all of them must return the same. */
const READERS: [string, () => OnlineFeatureReader][] = [
  ["Redis", () => direct],
  ["HTTP", () => http],
  ["HTTP with a registry", () => typedHttp],
  ["gRPC GrpcFeatureServer", () => python],
  ["gRPC ServingService", () => serving],
];
const SERVERS = READERS.filter(([name]) => name !== "Redis");

beforeAll(async () => {
  feast = await startFeast();
  const registry = await feast.registry();
  nowMs = Date.now();
  direct = new FeastRedisClient({ redis: feast.redis, registry, timeoutMs, nowMs: () => nowMs });
  http = new FeastHttpClient({ url: `${feast.httpUrl}/`, timeoutMs });
  typedHttp = new FeastHttpClient({ url: feast.httpUrl, registry, timeoutMs });
  python = new FeastGrpcClient({ address: feast.grpcAddress, server: "python", timeoutMs });
  serving = new FeastGrpcClient({ address: feast.grpcAddress, server: "go", registry, timeoutMs });
  await feast.call("write", {
    view: "card_stats",
    rows: [cardRow("c1", nowMs), cardRow("c-old", nowMs - 25 * HOUR_MS)],
  });
  await feast.call("write", {
    view: "terminal_stats",
    rows: [{ entity: { terminal_id: "9007199254740993" }, features: { amount_mean: 7.5 }, eventTimestampMs: nowMs }],
  });
}, FEAST_START_MS_MAX);

afterAll(async () => {
  python?.close();
  serving?.close();
  await feast?.stop();
});

function cardRow(card_id: string, eventTimestampMs: number, features: Record<string, unknown> = {}) {
  const known = { amount_mean: 12.5, payment_count: 3, last_merchant: "m1", risk: 0.5 };
  return { entity: { card_id }, features: { ...known, ...features }, eventTimestampMs };
}

describe("reading features", () => {
  test.each(READERS)("returns features in the requested order, without join keys, over %s", async (_name, client) => {
    const features = [
      "card_stats:risk",
      "card_stats:payment_count",
      "card_stats:last_merchant",
      "card_stats:amount_mean",
    ];
    const answer = await client().getOnlineFeatures({ features, entities: [{ card_id: "c1" }, { card_id: "c1" }] });
    const row = {
      values: [0.5, 3, "m1", 12.5],
      statuses: Array(4).fill("PRESENT"),
      eventTimestampsMs: Array(4).fill(nowMs),
    };
    expect(answer).toEqual({
      featureNames: ["risk", "payment_count", "last_merchant", "amount_mean"],
      rows: [row, row],
    });
  });

  test.each(READERS)("full names distinguish features of two views over %s", async (_name, client) => {
    const request: OnlineFeaturesRequest = {
      features: ["card_stats:amount_mean", "terminal_stats:amount_mean"],
      entities: [{ card_id: "c1", terminal_id: 9_007_199_254_740_993n }],
      fullFeatureNames: true,
    };
    const answer = await client().getOnlineFeatures(request);
    expect(toRecords(answer)).toEqual([{ card_stats__amount_mean: 12.5, terminal_stats__amount_mean: 7.5 }]);
    await expect(client().getOnlineFeatures({ ...request, fullFeatureNames: false })).rejects.toMatchObject({
      code: "feature-name-collision",
      field: "terminal_stats:amount_mean",
    });
  });

  test.each(READERS)("reads a feature service's features over %s", async (_name, client) => {
    const answer = await client().getOnlineFeatures({
      featureService: "scoring",
      entities: [{ card_id: "c1", home_terminal_id: 9_007_199_254_740_993n }],
      fullFeatureNames: true,
    });
    expect(toRecords(answer)).toEqual([
      { card_stats__payment_count: 3, card_stats__risk: 0.5, home_terminal__amount_mean: 7.5 },
    ]);
    expect(new Set(answer.rows[0]?.statuses)).toEqual(new Set(["PRESENT"]));
  });

  test("returns a value beyond the view's age limit and marks it", async () => {
    const request = { features: ["card_stats:amount_mean"], entities: [{ card_id: "c-old" }, { card_id: "c1" }] };
    const answer = await direct.getOnlineFeatures(request);
    expect(answer.rows[0]).toEqual({
      values: [12.5],
      statuses: ["OUTSIDE_MAX_AGE"],
      eventTimestampsMs: [nowMs - 25 * HOUR_MS],
    });
    expect(answer.rows[1]?.statuses).toEqual(["PRESENT"]);
    expect(toRecords(answer)).toEqual([{ amount_mean: null }, { amount_mean: 12.5 }]);
  });

  test("returns a value of any age from a view without an age limit", async () => {
    await feast.call("write", {
      view: "terminal_stats",
      rows: [{ entity: { terminal_id: 1 }, features: { amount_mean: 1 }, eventTimestampMs: 1_000 }],
    });
    const answer = await direct.getOnlineFeatures({
      features: ["terminal_stats:amount_mean"],
      entities: [{ terminal_id: 1 }],
    });
    expect(answer.rows).toEqual([{ values: [1], statuses: ["PRESENT"], eventTimestampsMs: [1_000] }]);
  });

  test.each(SERVERS)(
    "an on-demand view is computed by the server over %s, and rejected over Redis",
    async (_name, client) => {
      const request = { features: ["doubled:amount_mean_doubled", "card_stats:risk"], entities: [{ card_id: "c1" }] };
      expect(toRecords(await client().getOnlineFeatures(request))).toEqual([{ amount_mean_doubled: 25, risk: 0.5 }]);
      await expect(direct.getOnlineFeatures(request)).rejects.toMatchObject({ code: "unsupported", field: "doubled" });
    },
  );

  test("returns more rows than fit one round trip in their order", async () => {
    const count = 2_345;
    const rows = Array.from({ length: count }, (_, index) => cardRow(`many-${index}`, nowMs, { payment_count: index }));
    expect(await direct.writeOnlineFeatures({ featureView: "card_stats", rows })).toEqual({
      written: count,
      skipped: 0,
    });
    const entities = rows.map(({ entity }) => entity).reverse();
    const answer = await direct.getOnlineFeatures({ features: ["card_stats:payment_count"], entities });
    expect(answer.rows.map(({ values }) => values[0])).toEqual(rows.map((_, index) => index).reverse());
  });
});

describe("entities", () => {
  test.each([
    ["gRPC with a registry", () => serving],
    ["HTTP with a registry", () => typedHttp],
  ] as const)("are found over %s even if their type is known only from the registry", async (_name, client) => {
    const features = ["card_shop:visits"];
    await direct.writeOnlineFeatures({
      featureView: "card_shop",
      rows: [{ entity: { card_id: "c9", shop_id: 9 }, features: { visits: 4 }, eventTimestampMs: nowMs }],
    });
    const answer = await client().getOnlineFeatures({ features, entities: [{ shop_id: 9, card_id: "c9" }] });
    expect(toRecords(answer)).toEqual([{ visits: 4 }]);
  });

  test.each([
    ["gRPC with a registry", () => serving, "server-error", undefined],
    // JSON cannot represent bytes, and Feast's Python server does not accept them over gRPC either; its Go server does.
    ["HTTP", () => http, "unsupported", "device_hash"],
  ] as const)(
    "fail with an error over %s of the Python server if they are bytes",
    async (_name, client, code, field) => {
      const request = { features: ["device_stats:cards"], entities: [{ device_hash: Uint8Array.of(0, 255, 7) }] };
      await expect(client().getOnlineFeatures(request)).rejects.toMatchObject({ code, ...(field && { field }) });
    },
  );
});

describe("writing rows", () => {
  test("an older row never overwrites a newer one, in Feast or here", async () => {
    const write = async (at: number, amount_mean: number) =>
      direct.writeOnlineFeatures({ featureView: "card_stats", rows: [cardRow("w1", at, { amount_mean })] });
    const request = { features: ["card_stats:amount_mean"], entities: [{ card_id: "w1" }] };
    expect(await write(nowMs + 0.002, 1)).toEqual({ written: 1, skipped: 0 });
    expect(await write(nowMs + 0.002, 2)).toEqual({ written: 0, skipped: 1 });
    expect(await write(nowMs + 0.001, 3)).toEqual({ written: 0, skipped: 1 });
    expect(await write(nowMs - HOUR_MS, 4)).toEqual({ written: 0, skipped: 1 });
    expect(toRecords(await direct.getOnlineFeatures(request))).toEqual([{ amount_mean: 1 }]);
    expect(await write(nowMs + 0.003, 5)).toEqual({ written: 1, skipped: 0 });
    // Feast's own writer has the same rule: it skips a row with the same time and writes a later one.
    await feast.call("write", { view: "card_stats", rows: [cardRow("w1", nowMs, { amount_mean: 6 })] });
    expect(toRecords(await direct.getOnlineFeatures(request))).toEqual([{ amount_mean: 5 }]);
    await feast.call("write", { view: "card_stats", rows: [cardRow("w1", nowMs + HOUR_MS, { amount_mean: 7 })] });
    expect(toRecords(await direct.getOnlineFeatures(request))).toEqual([{ amount_mean: 7 }]);
    expect(await write(nowMs + HOUR_MS, 8)).toEqual({ written: 0, skipped: 1 });
  });

  test("the latest event wins among many writers of one entity", async () => {
    const order = Array.from({ length: 300 }, (_, index) => (index * 157) % 300);
    await Promise.all(
      order.map((step) =>
        direct.writeOnlineFeatures({
          featureView: "card_stats",
          rows: [cardRow("w2", nowMs + step, { payment_count: step })],
        }),
      ),
    );
    const answer = await direct.getOnlineFeatures({
      features: ["card_stats:payment_count"],
      entities: [{ card_id: "w2" }],
    });
    expect(answer.rows).toEqual([{ values: [299], statuses: ["PRESENT"], eventTimestampsMs: [nowMs + 299] }]);
  });

  test("keys expire after the requested time", async () => {
    const registry = await feast.registry();
    const client = new FeastRedisClient({ redis: feast.redis, registry, keyTtlSeconds: 3_600 });
    const keysBefore = new Set(await feast.redis.keys("*"));
    await client.writeOnlineFeatures({ featureView: "card_stats", rows: [cardRow("w3", nowMs)] });
    const [key, ...others] = (await feast.redis.keys("*")).filter((name) => !keysBefore.has(name));
    expect(others).toEqual([]);
    expect(await feast.redis.ttl(key ?? "")).toBeGreaterThan(3_500);
  });

  test.each([
    ["a missing feature", { features: { amount_mean: 1 } }, "invalid-value", "card_stats:payment_count"],
    ["an unknown feature", { features: { nope: 1 } }, "unknown-feature", "card_stats:nope"],
    [
      "a wrong type",
      { features: { amount_mean: "1", payment_count: 1, last_merchant: "m", risk: 1 } },
      "invalid-value",
      "card_stats:amount_mean",
    ],
    [
      "a rounded number",
      { features: { amount_mean: 1, payment_count: 2 ** 60, last_merchant: "m", risk: 1 } },
      "invalid-value",
      "card_stats:payment_count",
    ],
    [
      "a number too large for 32 bits",
      { features: { amount_mean: 1, payment_count: 1, last_merchant: "m", risk: 1e39 } },
      "invalid-value",
      "card_stats:risk",
    ],
    ["an unknown join key", { entity: { card_id: "c", nope: 1 } }, "unknown-entity", "nope"],
    ["a missing join key", { entity: {} }, "missing-join-key", "card_id"],
    ["a wrong join key", { entity: { card_id: 7 } }, "invalid-join-key", "card_id"],
    ["a missing time", { eventTimestampMs: Number.NaN }, "invalid-value", "eventTimestampMs of row 1"],
  ])("rejects %s, and writes nothing of the request", async (_name, change, code, field) => {
    const rows = [cardRow("refused", nowMs), { ...cardRow("refused", nowMs), ...change }];
    await expect(direct.writeOnlineFeatures({ featureView: "card_stats", rows: rows as never })).rejects.toMatchObject({
      code,
      field,
    });
    const { rows: found } = await direct.getOnlineFeatures({
      features: ["card_stats:risk"],
      entities: [{ card_id: "refused" }],
    });
    expect(found[0]?.statuses).toEqual(["NOT_FOUND"]);
  });
});

describe("push", () => {
  const row = (card_id: string, payment_count: number | bigint) => ({
    card_id,
    event_timestamp: new Date(nowMs),
    amount_mean: 2.5,
    payment_count,
    last_merchant: "pushed",
    risk: 0.25,
  });

  test("pushed rows can be read immediately over every transport", async () => {
    await http.push({ pushSource: "card_push", rows: [row("p1", 9_007_199_254_740_993n), row("p2", 2)] });
    for (const [, client] of READERS) {
      const answer = await client().getOnlineFeatures({
        features: ["card_stats:payment_count", "card_stats:last_merchant", "card_stats:risk"],
        entities: [{ card_id: "p1" }, { card_id: "p2" }],
      });
      expect(answer.rows.map(({ values }) => values)).toEqual([
        [9_007_199_254_740_993n, "pushed", 0.25],
        [2, "pushed", 0.25],
      ]);
      expect(answer.rows[0]?.eventTimestampsMs).toEqual(Array(3).fill(nowMs));
    }
  });

  test.each([
    ["online", 1, 0],
    ["offline", 0, 1],
    ["online_and_offline", 1, 1],
  ] as const)("writes to the store: %s", async (to, online, offline) => {
    const card = `pushed ${to}`;
    await http.push({ pushSource: "card_push", rows: [row(card, 1)], to });
    const { rows } = await direct.getOnlineFeatures({ features: ["card_stats:risk"], entities: [{ card_id: card }] });
    expect(rows[0]?.statuses).toEqual([online === 1 ? "PRESENT" : "NOT_FOUND"]);
    expect(await feast.call("offline_rows", { card })).toBe(offline);
  });

  test("reports an unknown push source", async () => {
    const push = http.push({ pushSource: "nope", rows: [row("p3", 1)] });
    await expect(push).rejects.toMatchObject({ code: "unknown-push-source", field: "nope" });
  });
});

test("reads rows that Feast materialised", async () => {
  await feast.call("materialize", { views: ["card_stats"] });
  const answer = await direct.getOnlineFeatures({
    features: ["card_stats:amount_mean"],
    entities: [{ card_id: "c-batch" }],
  });
  expect(toRecords(answer)).toEqual([{ amount_mean: 1 }]);
});

describe("invalid requests", () => {
  const good = { features: ["card_stats:risk"], entities: [{ card_id: "c1" }] };

  test.each(READERS)("are rejected with the field's name over %s", async (name, client) => {
    const knows = name === "Redis" || name.includes("registry") || name.includes("ServingService");
    const cases: [Partial<OnlineFeaturesRequest>, string, string][] = [
      [{ features: ["card_stats:nope"] }, "unknown-feature", "card_stats:nope"],
      [{ features: ["nope:risk"] }, "unknown-feature-view", "nope"],
      [{ featureService: "nope", features: undefined } as never, "unknown-feature-service", "nope"],
      [{ features: ["card_stats:risk", "card_stats:risk"] }, "feature-name-collision", "card_stats:risk"],
      [{ features: ["risk"] }, "invalid-request", "risk"],
      [{ features: [] }, "invalid-request", "features"],
      [{ entities: [] }, "invalid-request", "entities"],
      [{ entities: [{ card_id: "c1" }, {} as never] }, "missing-join-key", "card_id"],
      [{ entities: [{ card_id: null as never }] }, "invalid-join-key", "card_id"],
      [{ entities: [{ card_id: Number.NaN }] }, "invalid-join-key", "card_id"],
      [{ entities: [{ card_id: 1.5 }] }, "invalid-join-key", "card_id"],
      [
        { features: ["terminal_stats:amount_mean"], entities: [{ terminal_id: 2 ** 60 }] },
        "invalid-join-key",
        "terminal_id",
      ],
      // Without a registry, Feast's Python server finds the fault. Over gRPC, it reports the other key.
      name === "gRPC GrpcFeatureServer"
        ? [{ entities: [{ terminal_id: 1 }] }, "unknown-entity", "terminal_id"]
        : [{ entities: [{ terminal_id: 1 }] }, "missing-join-key", "card_id"],
      ...(knows
        ? ([
            [{ entities: [{ card_id: 7 }] }, "invalid-join-key", "card_id"],
            [
              { features: ["terminal_stats:amount_mean"], entities: [{ terminal_id: "7" }] },
              "invalid-join-key",
              "terminal_id",
            ],
            [{ entities: [{ card_id: "c1", nope: 1 }] }, "unknown-entity", "nope"],
            [{ features: ["card_stats@v2:risk"] }, "invalid-request", "card_stats@v2:risk"],
          ] as [Partial<OnlineFeaturesRequest>, string, string][])
        : []),
    ];
    for (const [change, code, field] of cases) {
      const read = client().getOnlineFeatures({ ...good, ...change } as OnlineFeaturesRequest);
      const error: unknown = await read.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(FeastError);
      expect({ change, code: (error as FeastError).code, field: (error as FeastError).field }).toEqual({
        change,
        code,
        field,
      });
      expect((error as FeastError).message).toContain(field.split(":").at(-1));
    }
  });
});

describe("a server that hangs", () => {
  test.each(SERVERS)("is abandoned at the deadline over %s, and works again afterwards", async (_name, client) => {
    const request = { features: ["card_stats:risk"], entities: [{ card_id: "c1" }] };
    await client().getOnlineFeatures(request);
    await pauseProcess(feast.pid);
    try {
      const startedMs = performance.now();
      await expect(client().getOnlineFeatures(request, { timeoutMs: 300 })).rejects.toMatchObject({
        code: "deadline-exceeded",
      });
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(299);
      const controller = new AbortController();
      const read = client().getOnlineFeatures(request, { signal: controller.signal });
      controller.abort(new Error("not needed any more"));
      await expect(read).rejects.toMatchObject({ code: "aborted", cause: { message: "not needed any more" } });
    } finally {
      process.kill(feast.pid, "SIGCONT");
    }
    expect(toRecords(await client().getOnlineFeatures(request))).toEqual([{ risk: 0.5 }]);
  });
});
