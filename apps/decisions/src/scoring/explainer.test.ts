import { status } from "@grpc/grpc-js";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { createLogger } from "@tripline/telemetry/logger";
import { DecisionMetrics } from "../decision-metrics.js";
import { rowsOf, TestScorer } from "../testing/scorer.js";
import { Explainer } from "./explainer.js";
import { InferenceClient } from "./inference-client.js";

const VERSION = "000000000001";
const ROWS = [
  [1, 2, 3],
  [4, 5, 6],
];

describe("Explainer", () => {
  let peer: TestScorer;
  let client: InferenceClient;
  let explainer: Explainer;
  const explain = (budgetMs = 60_000, version = VERSION) =>
    explainer.explain(
      ROWS,
      version,
      ROWS.map(() => ROOT_CONTEXT),
      budgetMs,
    );

  beforeEach(async () => {
    peer = new TestScorer();
    peer.contributions = (row) => row.map((value) => value / 4);
    await peer.start();
    client = new InferenceClient(peer.address);
    const logger = createLogger("test", "silent");
    explainer = new Explainer(client, { MODEL_NAME: "fraud" }, new DecisionMetrics(), logger);
  });
  afterEach(() => {
    client.close();
    peer.stop();
  });

  test("sends one request per batch, to the version that gave the scores, and returns a list per row in order", async () => {
    expect(await explain()).toEqual([
      [0.25, 0.5, 0.75],
      [1, 1.25, 1.5],
    ]);
    expect(peer.explanationRequests).toHaveLength(1);
    expect(peer.explanationRequests[0]).toMatchObject({ modelName: "fraud", modelVersion: VERSION });
    expect(peer.explanationRequests[0]?.outputs.map((output) => output.name)).toEqual(["contributions"]);
    expect(peer.explanationRequests.map(rowsOf)).toEqual([ROWS]);
  });

  test("requests contributions only once from a version that has none, and continues to request them from others", async () => {
    peer.contributions = undefined;
    expect(await explain()).toBeUndefined();
    expect(await explain()).toBeUndefined();
    expect(peer.explanationRequests).toHaveLength(1);
    await explain(60_000, "000000000002");
    expect(peer.explanationRequests).toHaveLength(2);
  });

  test("requests contributions again after ten minutes from a version that had none, in case another service responds", async () => {
    const contributions = peer.contributions;
    peer.contributions = undefined;
    expect(await explain()).toBeUndefined();
    peer.contributions = contributions;
    const clock = jest.spyOn(performance, "now").mockReturnValue(performance.now() + 600_001);
    try {
      expect(await explain()).toHaveLength(2);
    } finally {
      clock.mockRestore();
    }
  });

  test("requests contributions again from a version that was missing", async () => {
    peer.alter = () => {
      throw Object.assign(new Error("gone"), { code: status.NOT_FOUND, details: "gone" });
    };
    expect(await explain()).toBeUndefined();
    peer.alter = (response) => response;
    expect(await explain()).toHaveLength(2);
  });

  test("returns no contributions if the response is late or no time is left", async () => {
    expect(await explain(1)).toBeUndefined();
    expect(peer.explanationRequests).toHaveLength(0);
    peer.delayMs = 3_600_000;
    expect(await explain(200)).toBeUndefined();
  });

  test("returns no contributions without a server", async () => {
    peer.stop();
    expect(await explain(200)).toBeUndefined();
  });

  test.each([
    ["too few", { rawOutputContents: [Buffer.alloc(8)] }],
    ["of another version", { modelVersion: "000000000002" }],
    ["missing", { outputs: [], rawOutputContents: [] }],
  ])("returns no contributions if they are %s", async (_, change) => {
    peer.alter = (response) => ({ ...response, ...change });
    expect(await explain()).toBeUndefined();
  });
});
