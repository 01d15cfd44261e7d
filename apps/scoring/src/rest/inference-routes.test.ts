import { gzipSync } from "node:zlib";
import type { TestScoring } from "../testing/service.js";
import { startTestScoring } from "../testing/service.js";

let scoring: TestScoring;
let version: string;
let inputs: number[][];
let outputs: number[];

beforeAll(async () => {
  scoring = await startTestScoring({ ROWS_PER_RUN_MAX: "64" });
  const champion = await scoring.models.registry.resolve("fraud", "champion");
  ({ version } = champion);
  ({ inputs, outputs } = champion.golden);
});

afterAll(() => scoring.close());

const ROW = [1, 2, 3, 4];
const features = (changes: object = {}): object => ({
  name: "features",
  datatype: "FP32",
  shape: [1, 4],
  data: ROW,
  ...changes,
});
const binary = (changes: object = {}): object => {
  const { data: _data, ...tensor } = Object(features(changes));
  return { parameters: { binary_data_size: 16 }, ...tensor };
};
const bytes = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function post(path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${scoring.service.url}/v2${path}`, { method: "POST", body, headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}

/** An infer request whose JSON is followed by binary data. */
function inferBinary(tensor: object, data: Buffer): Promise<Answer> {
  const json = JSON.stringify({ inputs: [tensor] });
  const header = { "inference-header-content-length": String(json.length) };
  return post("/models/fraud/infer", Buffer.concat([Buffer.from(json), data]), header);
}

test.each([
  ["flat", () => inputs.flat()],
  ["nested", () => inputs],
])("scores JSON with %s data", async (_case, data) => {
  const tensor = features({ shape: [inputs.length, 4], data: data() });
  const answer = await post("/models/fraud/infer", JSON.stringify({ id: "request 1", inputs: [tensor] }));
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toContain("application/json");
  expect(answer.body).toEqual({
    model_name: "fraud",
    model_version: version,
    id: "request 1",
    outputs: [
      {
        name: "probability",
        datatype: "FP32",
        shape: [inputs.length, 1],
        data: outputs.map((output) => expect.closeTo(output, 4)),
      },
    ],
  });
});

test.each<[path: string, body: object | undefined, status: number]>([
  ["", undefined, 200],
  ["/health/ready", undefined, 200],
  ["/models/fraud", undefined, 200],
  ["/models/fraud/ready", undefined, 200],
  ["/models/fraud/stats", undefined, 200],
  ["/models/fraud/infer", { inputs: [features()] }, 200],
  ["/models/fraud/infer", { inputs: [] }, 400],
  ["/models/unknown", undefined, 404],
  ["/nothing/here", undefined, 404],
  ["/repository/index", {}, 200],
])(
  "JSON from /v2%s has exactly the content type application/json, as KServe's client requires",
  async (path, body, status) => {
    const answer = await fetch(`${scoring.service.url}/v2${path}`, {
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([status, "application/json"]);
  },
);

test("describes models, health and statistics", async () => {
  const get = async (path: string): Promise<unknown> => (await fetch(`${scoring.service.url}/v2${path}`)).json();
  expect(await get("")).toMatchObject({ name: "tripline-scoring", extensions: expect.any(Array) });
  expect(await get("/health/live")).toEqual({ live: true });
  expect(await get("/health/ready")).toEqual({ ready: true });
  expect(await get("/models/fraud/ready")).toEqual({ name: "fraud", ready: true });
  expect(await get(`/models/fraud/versions/${version}`)).toMatchObject({ name: "fraud", versions: [version] });
  expect(await get("/models/fraud/config")).toMatchObject({
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: 64,
    input: [{ name: "features", data_type: "TYPE_FP32", dims: [4] }],
    dynamic_batching: { max_queue_delay_microseconds: 0, default_queue_policy: { timeout_action: "REJECT" } },
  });
});

test.each<[string, object, string]>([
  [
    "a missing feature",
    features({ shape: [1, 3], data: [1, 2, 3] }),
    'Input "features" has shape [1,3]; it must be [rows,4]',
  ],
  ["an extra feature", features({ shape: [1, 5], data: [1, 2, 3, 4, 5] }), 'Input "features" has shape [1,5]'],
  ["another data type", features({ datatype: "INT64" }), 'Input "features" has datatype "INT64"; it must be FP32.'],
  ["another shape", features({ shape: [4] }), 'Input "features" has shape [4]'],
  ["too many rows", features({ shape: [65, 4] }), 'Input "features" has 65 rows; a request can have at most 64.'],
  ["too few values", features({ data: [1] }), 'Input "features" has 1 values, but its shape requires 4.'],
  ["null instead of a number", features({ data: [1, 2, null, 4] }), 'Input "features" has null as value 2'],
  ["text instead of a number", features({ data: [["1", 2, 3, 4]] }), 'Input "features" has "1" as value 0'],
  [
    "a number out of range",
    features({ data: [1, 2, 3, 1e300] }),
    'Input "features" has the value Infinity in row 0, column 3',
  ],
  ["endless nesting", features({ data: [[[[[[[[[[1]]]]]]]]]] }), 'Input "features" has a deeply nested array'],
  ["no data", features({ data: undefined }), 'Input "features" has no values'],
  ["an unknown input", features({ name: "x" }), 'There is no input "x"; the model takes "features".'],
  [
    "shared memory",
    features({ parameters: { shared_memory_region: "region" } }),
    'Input "features" is in shared memory',
  ],
])("rejects %s and names the tensor", async (_case, tensor, sentence) => {
  const answer = await post("/models/fraud/infer", JSON.stringify({ inputs: [tensor] }));
  expect(answer.status).toBe(400);
  expect(answer.body).toEqual({ error: expect.stringContaining(sentence), code: "invalid-tensor" });
});

test.each<[string, object, Buffer, string]>([
  [
    "truncated bytes",
    binary(),
    bytes(ROW).subarray(0, 13),
    'Input "features" has a binary_data_size of 16, but only 13 bytes follow',
  ],
  ["bytes that belong to no input", binary(), bytes([...ROW, 5]), "4 bytes after the JSON belong to no input"],
  [
    "a malformed size",
    binary({ parameters: { binary_data_size: -1 } }),
    bytes(ROW),
    'Input "features" has a binary_data_size of -1',
  ],
  [
    "values given twice",
    features({ parameters: { binary_data_size: 16 } }),
    bytes(ROW),
    'Input "features" has data as well',
  ],
  [
    "fewer bytes than the shape requires",
    binary({ shape: [2, 4] }),
    bytes(ROW),
    'Input "features" has 16 raw bytes, but its shape requires 32',
  ],
  ["NaN", binary(), bytes([1, 2, Number.NaN, 4]), 'Input "features" has the value NaN in row 0, column 2'],
])("rejects binary data with %s and names the tensor", async (_case, tensor, data, sentence) => {
  const answer = await inferBinary(tensor, data);
  expect(answer.status).toBe(400);
  expect(answer.body).toEqual({ error: expect.stringContaining(sentence), code: "invalid-tensor" });
});

const WHOLE = JSON.stringify({ inputs: [features()] });

test.each<[string, string, string | Buffer, Record<string, string>, number, string, string]>([
  ["invalid JSON", "/models/fraud/infer", "{", {}, 400, "malformed-json", "not valid JSON"],
  [
    "NaN in JSON",
    "/models/fraud/infer",
    WHOLE.replace("[1,2", "[NaN,2"),
    {},
    400,
    "malformed-json",
    "NaN and Infinity",
  ],
  ["an empty body", "/models/fraud/infer", "", {}, 400, "malformed-json", "not valid JSON"],
  ["missing inputs", "/models/fraud/infer", "{}", {}, 422, "invalid-field", "The body's inputs: "],
  [
    "a JSON length beyond the body",
    "/models/fraud/infer",
    WHOLE,
    { "inference-header-content-length": "999" },
    400,
    "invalid-header",
    'Inference-Header-Content-Length is "999"',
  ],
  [
    "a malformed JSON length",
    "/models/fraud/infer",
    WHOLE,
    { "inference-header-content-length": "-1" },
    400,
    "invalid-header",
    'Inference-Header-Content-Length is "-1"',
  ],
  [
    "a body whose encoding is not the one in its header",
    "/models/fraud/infer",
    WHOLE,
    { "content-encoding": "gzip" },
    400,
    "invalid-header",
    "The body is not valid gzip",
  ],
  [
    "an unknown encoding",
    "/models/fraud/infer",
    WHOLE,
    { "content-encoding": "br" },
    415,
    "unsupported-media-type",
    "Content-Encoding",
  ],
  [
    "a body that is too large after decompression",
    "/models/fraud/infer",
    gzipSync(Buffer.alloc(17 * 1_024 * 1_024)),
    { "content-encoding": "gzip" },
    413,
    "body-too-large",
    "after decompression",
  ],
  [
    "a malformed timeout",
    "/models/fraud/infer",
    JSON.stringify({ inputs: [features()], parameters: { timeout: -5 } }),
    {},
    422,
    "invalid-field",
    'The request parameter "timeout" is -5',
  ],
  [
    "a malformed flag",
    "/models/fraud/infer",
    JSON.stringify({ inputs: [features()], parameters: { telemetry: 1 } }),
    {},
    422,
    "invalid-field",
    'The request parameter "telemetry" is 1',
  ],
  [
    "classification",
    "/models/fraud/infer",
    JSON.stringify({ inputs: [features()], outputs: [{ name: "probability", parameters: { classification: 1 } }] }),
    {},
    400,
    "invalid-tensor",
    'Output "probability" requests classification',
  ],
  [
    "an unknown model",
    "/models/other/infer",
    WHOLE,
    {},
    404,
    "model-not-found",
    'There is no model "other" here; "fraud" is served.',
  ],
  [
    "an unknown version",
    "/models/fraud/versions/1/infer",
    WHOLE,
    {},
    404,
    "model-not-found",
    'Version "1" of model fraud',
  ],
  ["an unknown path", "/models/fraud/explain", WHOLE, {}, 404, "not-found", "Not found"],
  [
    "loading when it is not allowed",
    "/repository/models/fraud/load",
    "",
    {},
    403,
    "scope-missing",
    "MODEL_CONTROL=explicit",
  ],
  [
    "unloading when it is not allowed",
    "/repository/models/fraud/unload",
    "",
    {},
    403,
    "scope-missing",
    "MODEL_CONTROL=explicit",
  ],
  ["an unknown repository", "/repository/s3/index", "", {}, 422, "invalid-field", 'There is no repository "s3"'],
])("answers %s with an error in the protocol's format", async (_case, path, body, headers, status, code, sentence) => {
  const answer = await post(path, body, headers);
  expect(answer).toMatchObject({ status, body: { error: expect.stringContaining(sentence), code } });
  expect((await post("/models/fraud/infer", WHOLE)).status).toBe(200);
});

test("rejects a body over the limit", async () => {
  const answer = await post("/models/fraud/infer", Buffer.alloc(16 * 1_024 * 1_024 + 1));
  expect(answer).toMatchObject({ status: 413, body: { code: "body-too-large" } });
});

test("the index lists served models for any content type", async () => {
  const response = await fetch(`${scoring.service.url}/v2/repository/index`, {
    method: "POST",
    body: '{"ready":true}',
    headers: { "content-type": "text/plain" },
  });
  expect(await response.json()).toEqual([{ name: "fraud", version, state: "READY", reason: "" }]);
});
