import { readConfig } from "@tripline/settings/read-config";
import { scoringConfig } from "../config.js";
import { startScoring } from "../start-scoring.js";
import type { TestScoring } from "../testing/service.js";
import { startTestScoring, testEnvironment } from "../testing/service.js";

// The paths that Vertex AI assigns to a container that does not choose its own.
const VERTEX = "/v1/endpoints/123/deployedModels/456";
const PREDICT = `${VERTEX}:predict`;

let scoring: TestScoring;
let version: string;
let inputs: number[][];
let outputs: number[];

beforeAll(async () => {
  scoring = await startTestScoring({
    ROWS_PER_RUN_MAX: "64",
    MODELS: "fraud@champion,fraud@challenger",
    AIP_HEALTH_ROUTE: VERTEX,
    AIP_PREDICT_ROUTE: PREDICT,
  });
  const champion = await scoring.models.registry.resolve("fraud", "champion");
  ({ version } = champion);
  ({ inputs, outputs } = champion.golden);
});

afterAll(() => scoring.close());

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: Record<string, unknown>;
}

async function post(path: string, body: unknown): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${scoring.service.url}${path}`, { method: "POST", body: text });
  const type = response.headers.get("content-type");
  return { status: response.status, type, body: (await response.json()) as Answer["body"] };
}

const tensors = (rows: number[][]) => ({
  inputs: [{ name: "features", datatype: "FP32", shape: [rows.length, 4], data: rows }],
});

test.each(["/invocations", "/score", PREDICT])(
  "POST %s returns the same scores for the golden batch, in both formats, as gRPC",
  async (path) => {
    const { scores } = await scoring.client.score(inputs);
    expect(scores).toEqual(outputs.map((output) => expect.closeTo(output, 5)));
    expect(await post(path, { instances: inputs })).toEqual({
      status: 200,
      type: "application/json",
      body: { predictions: scores, model_name: "fraud", model_version: version },
    });
    expect((await post(path, tensors(inputs))).body).toEqual({
      model_name: "fraud",
      model_version: version,
      outputs: [{ name: "probability", datatype: "FP32", shape: [inputs.length, 1], data: scores }],
    });
    expect((await post("/v2/models/fraud/infer", tensors(inputs))).body).toMatchObject({ outputs: [{ data: scores }] });
  },
);

test.each(["/ping", VERTEX, "/health/live", "/health/ready"])(
  "GET %s reports health without authentication",
  async (path) => {
    expect((await fetch(`${scoring.service.url}${path}`)).status).toBe(200);
  },
);

test("health checks fail while the service shuts down", async () => {
  const ending = await startTestScoring();
  ending.service.drain();
  expect((await fetch(`${ending.service.url}/ping`)).status).toBe(503);
  await ending.close();
});

test("a request can name another version, and request the model's properties", async () => {
  const challenger = await scoring.models.registry.resolve("fraud", "challenger");
  for (const asked of [challenger.version, "challenger"]) {
    const parameters = { model_version: asked, properties: true };
    expect((await post("/invocations", { instances: inputs, parameters })).body).toMatchObject({
      model_version: challenger.version,
      parameters: { feature_spec_version: "1", features: challenger.manifest.features.join(",") },
    });
  }
});

const ROW = [1, 2, 3, 4];

test.each<[string, unknown, number, string, string]>([
  ["neither format", {}, 422, "invalid-field", "The body must contain either `instances`"],
  [
    "both formats",
    { instances: [ROW], ...tensors([ROW]) },
    422,
    "invalid-field",
    "The body must contain either `instances`",
  ],
  ["no instances", { instances: [] }, 422, "invalid-field", "The body's instances: "],
  ["an instance that is not a list", { instances: [ROW, 5] }, 422, "invalid-field", "The body's instances.1: "],
  ["a list instead of an object", [ROW], 422, "invalid-field", "The body's content: "],
  ["NaN", '{"instances":[[NaN,2,3,4]]}', 400, "malformed-json", "NaN and Infinity"],
  ["null", { instances: [[1, null, 3, 4]] }, 400, "invalid-tensor", 'Input "features" has null as value 1'],
  [
    "a number beyond float32",
    { instances: [[1, 2, 3, 1e300]] },
    400,
    "invalid-tensor",
    "has the value Infinity in row 0",
  ],
  ["a missing feature", { instances: [[1, 2, 3]] }, 400, "invalid-tensor", "has shape [1,3]; it must be [rows,4]"],
  [
    "vectors of different lengths",
    {
      instances: [
        [1, 2, 3],
        [...ROW, 5],
      ],
    },
    400,
    "invalid-tensor",
    "Instance 1 has 5 values, but instance 0 has 3",
  ],
  ["too many rows", { instances: Array.from({ length: 65 }, () => ROW) }, 400, "invalid-tensor", "has 65 rows"],
  [
    "an unknown version",
    { instances: [ROW], parameters: { model_version: "1" } },
    404,
    "model-not-found",
    'Version "1" of model fraud',
  ],
  [
    "a malformed version",
    { instances: [ROW], parameters: { model_version: 1 } },
    422,
    "invalid-field",
    'The request parameter "model_version" must be a string',
  ],
  ["a body over the limit", " ".repeat(16 * 1_024 * 1_024 + 1), 413, "body-too-large", ""],
])("rejects %s, and says why", async (_case, body, status, code, sentence) => {
  for (const path of ["/invocations", PREDICT]) {
    expect(await post(path, body)).toMatchObject({
      status,
      type: "application/json",
      body: { error: expect.stringContaining(sentence), code },
    });
  }
});

test("Vertex AI's port overrides the service's own", async () => {
  const { port } = new URL(scoring.service.url);
  const config = readConfig(scoringConfig, testEnvironment(scoring.models.url, { AIP_HTTP_PORT: port }));
  await expect(startScoring(config)).rejects.toThrow(port);
});

test.each(["v1", "/v2/models", "/health/live", "/a b", "/ping"])("rejects %s as a path for Vertex AI", (path) => {
  const environment = testEnvironment("file:///models", { AIP_PREDICT_ROUTE: path });
  expect(() => readConfig(scoringConfig, environment)).toThrow("AIP_PREDICT_ROUTE");
});
