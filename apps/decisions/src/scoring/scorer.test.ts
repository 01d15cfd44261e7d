import { status } from "@grpc/grpc-js";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { createLogger } from "@tripline/telemetry/logger";
import { DecisionMetrics } from "../decision-metrics.js";
import { rowsOf, TestScorer } from "../testing/scorer.js";
import { InferenceClient } from "./inference-client.js";
import { Scorer } from "./scorer.js";

const SPEC = currentFeatureSpec();
const row = (amount: number) => SPEC.features.map((feature) => (feature.name === "amount" ? amount : 1));

describe("Scorer", () => {
  let peer: TestScorer;
  let client: InferenceClient;
  let scorer: Scorer;
  const score = (rows: number[][], budgetMs = 5_000) =>
    scorer.score(
      rows,
      rows.map(() => ROOT_CONTEXT),
      budgetMs,
    );

  beforeEach(async () => {
    peer = new TestScorer();
    await peer.start();
    client = new InferenceClient(peer.address);
    const config = { MODEL_NAME: "fraud", FEAST_PROFILES: ["terminal"] };
    scorer = new Scorer(client, config, new DecisionMetrics(), createLogger("test", "silent"));
  });
  afterEach(() => {
    client.close();
    peer.stop();
  });

  test("sends one request per batch, and returns scores in order with the response's version", async () => {
    peer.probability = ([amount = 0]) => amount / 1_000;
    const scores = await score([row(250), row(500), row(0)]);
    expect(scores).toEqual(
      [0.25, 0.5, 0].map((value) => ({ value, modelName: "fraud", modelVersion: "000000000001" })),
    );
    expect(peer.requests).toHaveLength(1);
    expect(peer.requests.map((request) => rowsOf(request))).toEqual([[row(250), row(500), row(0)]]);
  });

  test("sends no request if there are no rows", async () => {
    expect(await score([])).toEqual([]);
    expect(peer.requests).toHaveLength(0);
  });

  test("a late score counts as missing shortly after the time budget", async () => {
    await score([row(1)]);
    peer.delayMs = 60_000;
    const startedMs = performance.now();
    expect(await score([row(1)], 150)).toEqual([{ missing: "scoring did not respond within 150 ms" }]);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(140);
    // The caller does not wait for the response, which would take 60 s.
    expect(tookMs).toBeLessThan(30_000);
  });

  test("scores are missing while scoring is down, and available again afterwards", async () => {
    await score([row(1)]);
    peer.stop();
    // The message depends on whether the client has already noticed the broken connection.
    const missing = expect.stringMatching(/^scoring (was unreachable for|did not respond within) 200 ms$/);
    expect(await score([row(1)], 200)).toEqual([{ missing }]);
    await peer.start();
    expect(await score([row(1)])).toMatchObject([{ value: expect.closeTo(0.01) }]);
  });

  test("waits for a scorer that becomes available within the time budget, even after an interrupted call", async () => {
    await score([row(1)]);
    peer.delayMs = 60_000;
    const waiting = score([row(1)], 20_000);
    while (peer.requests.length < 2) await new Promise(setImmediate);
    peer.stop();
    peer.delayMs = 0;
    await peer.start();
    expect(await waiting).toMatchObject([{ value: expect.closeTo(0.01) }]);
  });

  test("retries only transient failures", async () => {
    peer.failures = [status.UNAVAILABLE, status.RESOURCE_EXHAUSTED, status.INTERNAL];
    expect(await score([row(1)])).toMatchObject([{ value: expect.closeTo(0.01) }]);
    expect(peer.requests).toHaveLength(4);
    peer.failures = [status.NOT_FOUND];
    expect(await score([row(1)])).toEqual([{ missing: "scoring rejected the request (NOT_FOUND)" }]);
    expect(peer.requests).toHaveLength(5);
  });

  test("sends no request if no time is left", async () => {
    expect(await score([row(1)], 1)).toEqual([{ missing: "the caller's deadline left no time for scoring" }]);
    expect(peer.requests).toHaveLength(0);
  });

  test("after three failed batches, urgent batches do not wait, but others do", async () => {
    peer.delayMs = 60_000;
    for (let batch = 0; batch < 3; batch += 1) await score([row(1)], 60);
    const startedMs = performance.now();
    expect(await score([row(1)], 1_000)).toEqual([
      { missing: "scoring has stopped responding, so it gets only one request per second" },
    ]);
    // No request was sent; the server would respond after a minute.
    expect(performance.now() - startedMs).toBeLessThan(30_000);
    peer.delayMs = 0;
    expect(await score([row(1)], 5_000)).toMatchObject([{ value: expect.closeTo(0.01) }]);
    expect(await score([row(1)], 1_000)).toMatchObject([{ value: expect.closeTo(0.01) }]);
  });

  test("after three rejected batches, the reason is the rejection, not a missing response (regression #26)", async () => {
    peer.failures = Array.from({ length: 3 }, () => status.INVALID_ARGUMENT);
    for (let batch = 0; batch < 3; batch += 1) await score([row(1)], 1_000);
    expect(await score([row(1)], 1_000)).toEqual([
      { missing: "scoring rejects all requests (INVALID_ARGUMENT), so it gets only one request per second" },
    ]);
    expect(peer.requests).toHaveLength(3);
    expect(await score([row(1)], 5_000)).toMatchObject([{ value: expect.closeTo(0.01) }]);
  });

  test("checks each model version once", async () => {
    await score([row(1)]);
    await score([row(1)]);
    expect(peer.metadataRequests).toBe(1);
    peer.modelVersion = "000000000002";
    expect(await score([row(1)])).toMatchObject([{ modelVersion: "000000000002" }]);
    expect(peer.metadataRequests).toBe(2);
  });

  const mismatches: [string, Record<string, string>, string][] = [
    [
      "another spec",
      { feature_spec_version: "99" },
      "was trained for feature spec 99, but the payment has features of spec",
    ],
    ["no spec named", {}, "was trained for an unknown feature spec"],
    [
      "other features",
      { feature_spec_version: String(SPEC.version), features: "amount" },
      "was not trained for the features of spec",
    ],
    [
      "a profile that is not read (#26)",
      { feature_spec_version: String(SPEC.version), used_features: "amount,card_age,terminal_profile_amount" },
      "uses card_age from profiles that the features service does not read: add these to FEAST_PROFILES",
    ],
  ];
  test.each(mismatches)(
    "does not use a model with %s, and does not check it again",
    async (_name, properties, text) => {
      peer.properties = properties;
      for (let batch = 0; batch < 2; batch += 1) {
        expect(await score([row(1)])).toEqual([{ missing: expect.stringContaining(`model 000000000001 ${text}`) }]);
      }
      expect(peer.metadataRequests).toBe(1);
    },
  );

  test("a response with the wrong number of scores counts as missing", async () => {
    peer.alter = (response) => ({ ...response, rawOutputContents: [Buffer.alloc(4)] });
    expect(await score([row(1), row(2)])).toEqual([
      { missing: "scoring responded with 4 bytes for 2 payments" },
      { missing: "scoring responded with 4 bytes for 2 payments" },
    ]);
  });
});
