import { EndpointClient } from "@tripline/decisions/scoring/endpoint-client";
import {
  contributionsRequest,
  inferRequest,
  readContributions,
  readProbabilities,
} from "@tripline/decisions/scoring/infer-messages";
import { InferenceClient } from "@tripline/decisions/scoring/inference-client";
import type { ScoringClient } from "@tripline/decisions/scoring/scoring-client";
import type { TestScoring } from "@tripline/scoring/testing/service";
import { startTestScoring } from "@tripline/scoring/testing/service";

const PREDICT = "/v1/endpoints/123/deployedModels/456:predict";
const AMPLE_MS = 60_000;

let scoring: TestScoring;
let grpc: ScoringClient;

beforeAll(async () => {
  scoring = await startTestScoring({
    MODELS: "fraud@champion,fraud@challenger",
    AIP_PREDICT_ROUTE: PREDICT,
  });
  grpc = new InferenceClient(scoring.service.grpcAddress);
});

afterAll(async () => {
  grpc.close();
  await scoring.close();
});

const endpointAt = (path: string) =>
  new EndpointClient({ url: new URL(`${scoring.service.url}${path}`), sign: async () => ({}), callsMax: 4 });
const inTime = () => performance.now() + AMPLE_MS;

async function scoresFrom(client: ScoringClient, rows: number[][], version = "") {
  const answer = await client.infer(inferRequest("fraud", rows, version), {}, inTime());
  if ("failure" in answer) throw new Error(answer.detail);
  return { version: answer.value.modelVersion, scores: readProbabilities(answer.value, rows.length) };
}

test.each(["/invocations", "/score", PREDICT, "/v2/models/fraud/infer"])(
  "decisions gets the same scores, contributions and metadata from POST %s as from gRPC",
  async (path) => {
    const endpoint = endpointAt(path);
    const { golden, version } = await scoring.models.registry.resolve("fraud", "champion");
    const found = await scoresFrom(endpoint, golden.inputs);
    expect(found).toEqual(await scoresFrom(grpc, golden.inputs));
    expect(found).toEqual({ version, scores: golden.outputs.map((output) => expect.closeTo(output, 5)) });
    const explained = await Promise.all(
      [endpoint, grpc].map((client) =>
        client.infer(contributionsRequest("fraud", version, golden.inputs), {}, inTime()),
      ),
    );
    const contributions = explained.map(
      (one) => "value" in one && readContributions(one.value, version, golden.inputs.length, 4),
    );
    expect(contributions[0]).toEqual(contributions[1]);
    const [own, other] = await Promise.all(
      [endpoint, grpc].map((client) => client.modelMetadata("fraud", version, inTime())),
    );
    expect(own).toMatchObject({ value: { properties: "value" in Object(other) && Object(other).value.properties } });
    endpoint.close();
  },
);

test("a managed endpoint serves the candidate of a rollout", async () => {
  const { golden, version } = await scoring.models.registry.resolve("fraud", "challenger");
  expect(await scoresFrom(endpointAt("/invocations"), golden.inputs, version)).toMatchObject({ version });
});

test.each([
  ["an unknown version", inferRequest("fraud", [[1, 2, 3, 4]], "1"), "NOT_FOUND"],
  ["another number of features", inferRequest("fraud", [[1, 2, 3]]), "INVALID_ARGUMENT"],
  ["NaN", inferRequest("fraud", [[1, 2, 3, Number.NaN]]), "INVALID_ARGUMENT"],
])("rejects %s as gRPC does", async (_case, request, status) => {
  for (const client of [endpointAt("/invocations"), grpc]) {
    expect(await client.infer(request, {}, inTime())).toMatchObject({ failure: "refused", status });
  }
});
