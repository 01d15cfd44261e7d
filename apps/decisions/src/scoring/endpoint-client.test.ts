import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { createLogger } from "@tripline/telemetry/logger";
import { DecisionMetrics } from "../decision-metrics.js";
import { EndpointClient } from "./endpoint-client.js";
import { Scorer } from "./scorer.js";

const SPEC = currentFeatureSpec();
const VERSION = "000000000001";
const ROW = SPEC.features.map((_, index) => index / 3);
const AMPLE_MS = 20_000;
const PROPERTIES = {
  feature_spec_version: String(SPEC.version),
  features: SPEC.features.map(({ name }) => name).join(","),
};

interface Sent {
  readonly headers: IncomingMessage["headers"];
  readonly body: { readonly inputs: { readonly data: number[] }[]; readonly parameters: Record<string, unknown> };
}

/** How the endpoint mishandles one of its next requests. It scores all other requests. */
type Misdeed = (response: ServerResponse) => unknown;

let server: Server;
let requests: Sent[];
let misdeeds: Misdeed[];
let client: EndpointClient;
let scorer: Scorer;
let sign: () => Promise<Record<string, string>>;

const answer = (changes: object = {}, data: unknown = [0.25]): string =>
  JSON.stringify({
    model_name: "fraud",
    model_version: VERSION,
    parameters: PROPERTIES,
    outputs: [{ name: "probability", datatype: "FP32", shape: [1, 1], data }],
    ...changes,
  });
const says = (status: number, text: string, headers: Record<string, string> = {}): Misdeed => {
  return (response) => response.writeHead(status, headers).end(text);
};
const times = (count: number, misdeed: Misdeed): Misdeed[] => Array.from({ length: count }, () => misdeed);

beforeEach(async () => {
  requests = [];
  misdeeds = [];
  sign = async () => ({ authorization: "Bearer token" });
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += String(chunk);
    });
    request.on("end", () => {
      requests.push({ headers: request.headers, body: JSON.parse(text) });
      (misdeeds.shift() ?? says(200, answer()))(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/invocations`);
  client = new EndpointClient({ url, sign: () => sign(), callsMax: 2 });
  const config = { MODEL_NAME: "fraud", FEAST_PROFILES: ["terminal"] };
  scorer = new Scorer(client, config, new DecisionMetrics(), createLogger("test", "silent"));
});

afterEach(async () => {
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const score = async (budgetMs = AMPLE_MS) => (await scorer.score([ROW], [ROOT_CONTEXT], budgetMs))[0];
const SCORED = { value: 0.25, modelName: "fraud", modelVersion: VERSION };

test("sends a signed request with float32 values and the remaining time, and requests the model's properties", async () => {
  expect(await score()).toEqual(SCORED);
  expect(requests).toHaveLength(1);
  expect(requests[0]?.headers).toMatchObject({ authorization: "Bearer token", "content-type": "application/json" });
  expect(requests[0]?.body.inputs).toMatchObject([{ data: ROW.map(Math.fround), shape: [1, ROW.length] }]);
  const { timeout, ...parameters } = requests[0]?.body.parameters ?? {};
  expect(parameters).toEqual({ properties: true });
  expect(timeout).toBeLessThanOrEqual(AMPLE_MS * 1_000);
});

test("requests a candidate by version, and rejects a score from another version", async () => {
  const [found] = await scorer.scoreByCandidate("000000000002", [ROW], [ROOT_CONTEXT], AMPLE_MS);
  expect(requests[0]?.body.parameters).toMatchObject({ model_version: "000000000002" });
  expect(found).toEqual({ missing: `scoring responded with version ${VERSION} instead of 000000000002` });
});

const modelError = (code: number) => JSON.stringify({ ErrorCode: "X", OriginalStatusCode: code, OriginalMessage: "y" });

test.each<[string, Misdeed]>([
  ["drops the connection", (response) => response.destroy()],
  ["drops the connection within the response", (response) => response.write("{", () => response.destroy())],
  ["throttles", says(429, "slow down")],
  ["throttles as AWS does", says(400, "{}", { "x-amzn-errortype": "ThrottlingException:http://internal/" })],
  ["is unavailable", says(503, "")],
  ["redirects", says(302, "", { location: "http://127.0.0.1:1/" })],
  ["reports an unavailable container, as SageMaker does", says(424, modelError(503))],
  ["reports one as Azure ML does", says(424, "", { "ms-azureml-model-error-statuscode": "503" })],
  ["reports a container that is missing", says(424, "no body")],
])("retries while the endpoint %s", async (_case, misdeed) => {
  misdeeds = [misdeed, misdeed];
  expect(await score()).toEqual(SCORED);
  expect(requests).toHaveLength(3);
});

test.each<[string, Misdeed, string]>([
  ["rejects expired credentials", says(403, "ExpiredTokenException"), "rejected the request (PERMISSION_DENIED)"],
  ["rejects the key", says(401, ""), "rejected the request (UNAUTHENTICATED)"],
  ["does not exist", says(404, ""), "rejected the request (NOT_FOUND)"],
  ["rejects the body, as SageMaker says", says(424, modelError(400)), "rejected the request (INVALID_ARGUMENT)"],
  [
    "rejects it, as Azure ML says",
    says(424, "", { "ms-azureml-model-error-statuscode": "422" }),
    "rejected the request (INVALID_ARGUMENT)",
  ],
  ["writes NaN", says(200, answer().replace("0.25", "NaN")), "responded with a body that is not JSON"],
  ["writes null", says(200, answer({}, [null])), "outputs.0.data.0: "],
  ["writes an infinite number", says(200, answer().replace("0.25", "1e999")), "outputs.0.data.0: "],
  ["writes HTML", says(200, "<html>"), "responded with a body that is not JSON"],
  ["writes another format", says(200, '{"predictions":[0.5]}'), "a body that is not an inference response: model_name"],
  ["writes too few scores", says(200, answer({}, [])), "responded with 0 values for 1 payments"],
  ["names another model", says(200, answer({ model_name: "x" })), "responded for model x, not fraud"],
  ["names no version", says(200, answer({ model_version: "" })), "responded without a model version"],
  ["never ends", (response) => response.end(" ".repeat(5 << 20)), "responded with more than 4194304 bytes"],
])("reports a missing score and the reason if the endpoint %s", async (_case, misdeed, sentence) => {
  misdeeds = [misdeed];
  expect(await score()).toEqual({ missing: expect.stringContaining(sentence) });
  expect(requests).toHaveLength(1);
  expect(await score()).toEqual(SCORED);
});

test("does not use a model whose features are unknown or different", async () => {
  misdeeds = [
    says(200, answer({ parameters: {} })),
    says(200, answer({ model_version: "2", parameters: { feature_spec_version: "99" } })),
  ];
  expect(await score()).toEqual({ missing: expect.stringContaining("was trained for an unknown feature spec") });
  expect(await score()).toEqual({ missing: expect.stringContaining("model 2 was trained for feature spec 99") });
});

test("an endpoint that does not respond counts as late, and after three batches, urgent ones no longer wait for it", async () => {
  misdeeds = times(3, () => undefined);
  for (let batch = 0; batch < 3; batch += 1) {
    expect(await score(60)).toEqual({ missing: "scoring did not respond within 60 ms" });
  }
  expect(await score(1_000)).toEqual({ missing: expect.stringContaining("scoring has stopped responding") });
  expect(requests).toHaveLength(3);
  expect(await score()).toEqual(SCORED);
});

test("fetching a token counts against the deadline, and a missing token is reported", async () => {
  sign = () => new Promise(() => undefined);
  expect(await score(60)).toEqual({ missing: "scoring did not respond within 60 ms" });
  sign = () => Promise.reject(new TriplineError("identity-unavailable", "There is no AWS identity."));
  expect(await score()).toEqual({ missing: "scoring rejected the request (UNAUTHENTICATED)" });
  expect(requests).toHaveLength(0);
});

test("regression #34: a candidate that does not respond leaves room for requests to the champion", async () => {
  const isCandidate = () => requests.at(-1)?.body.parameters.model_version !== undefined;
  misdeeds = times(3, (response) => isCandidate() || response.end(answer()));
  const late = [1, 2].map(() => scorer.scoreByCandidate("000000000002", [ROW], [ROOT_CONTEXT], AMPLE_MS));
  expect(await score()).toEqual(SCORED);
  client.close();
  await Promise.all(late);
});

test("requests above the limit wait for their turn, and do not count as failures", async () => {
  const held: ServerResponse[] = [];
  misdeeds = times(2, (response) => held.push(response));
  const scores = [score(), score(), score()];
  while (held.length < 2) await new Promise(setImmediate);
  for (let batch = 0; batch < 4; batch += 1) {
    expect(await score(60)).toEqual({ missing: "too many requests to scoring were in progress for 60 ms" });
  }
  expect(requests).toHaveLength(2);
  for (const response of held) response.end(answer());
  expect(await Promise.all(scores)).toEqual([SCORED, SCORED, SCORED]);
});
