import type { ModelVersion } from "@tripline/model-registry/model-registry";
import type { TestRegistry } from "../testing/service.js";
import { copyRegistry } from "../testing/service.js";
import type { SessionOptions } from "./model-session.js";
import { ModelSession } from "./model-session.js";

const OPTIONS: SessionOptions = { workers: 1, providers: ["cpu"], requireGpu: false, isExplained: false };

let models: TestRegistry;

beforeAll(async () => {
  models = await copyRegistry();
});

afterAll(() => models.remove());

async function championWith(changes: Partial<ModelVersion["manifest"]>): Promise<ModelVersion> {
  const champion = await models.registry.resolve("fraud", "champion");
  return { ...champion, manifest: { ...champion.manifest, ...changes } };
}

test("runs a model on several threads in parallel and returns its trainer's scores", async () => {
  const champion = await models.registry.resolve("fraud", "champion");
  const session = await ModelSession.open(champion, { ...OPTIONS, workers: 2 });
  expect(session.providers).toEqual(["cpu"]);
  expect(session.parallelRunsMax).toBe(2);
  const { inputs, outputs } = champion.golden;
  const results = await Promise.all([
    session.run(Float32Array.from(inputs.slice(0, 10).flat()), 10),
    session.run(Float32Array.from(inputs.slice(10).flat()), inputs.length - 10),
  ]);
  const scores = results.flatMap((result) => Array.from(result.outputs));
  const apart = scores.map((score, row) => Math.abs(score - (outputs[row] ?? Number.NaN)));
  expect(Math.max(...apart)).toBeLessThan(1e-6);
  await session.close();
  await expect(session.run(new Float32Array(4), 1)).rejects.toMatchObject({ code: "scoring-unavailable" });
  expect(session.failure).toMatchObject({ code: "scoring-unavailable" });
});

test.each([
  ["always-nan", /row 0 of its golden batch returns NaN/],
  ["wrong-golden", /row 0 of its golden batch returns 0\.60\d+, but the trainer's score is 0\.60\d+/],
  ["wrong-input", /its manifest declares one input, "features", but the file has "float_input"/],
])("rejects the model %s", async (alias, reason) => {
  const model = await models.registry.resolve("fraud", alias);
  const opening = ModelSession.open(model, OPTIONS);
  await expect(opening).rejects.toMatchObject({ code: "model-refused", message: expect.stringMatching(reason) });
});

test("rejects bytes that are not a model", async () => {
  const model = { ...(await models.registry.resolve("fraud", "champion")), modelBytes: Buffer.from("not a model") };
  await expect(ModelSession.open(model, OPTIONS)).rejects.toMatchObject({
    code: "model-refused",
    message: expect.stringContaining("onnxruntime cannot load the model"),
  });
});

test.each<[string, Partial<ModelVersion["manifest"]>, string]>([
  [
    "another width",
    { input: { name: "features", datatype: "FP32", shape: [-1, 5] } },
    "[rows,4], not float32 [rows,5]",
  ],
  [
    "another output",
    { output: { name: "score", datatype: "FP32", shape: [-1, 1] } },
    'no output "score", only "probability"',
  ],
])("rejects a manifest that declares %s", async (_case, changes, reason) => {
  await expect(ModelSession.open(await championWith(changes), OPTIONS)).rejects.toMatchObject({
    code: "model-refused",
    message: expect.stringContaining(reason),
  });
});

// The package for Node contains no CUDA library, so these tests are valid on any machine to which none was added.
describe("without a GPU", () => {
  test("skips an unavailable provider and reports it", async () => {
    const session = await ModelSession.open(await championWith({}), { ...OPTIONS, providers: ["cuda", "cpu"] });
    expect(session.providers).toEqual(["cpu"]);
    expect(session.unavailable).toEqual([{ provider: "cuda", reason: expect.stringMatching(/cuda/i) }]);
    await session.close();
  });

  test.each<[string, Partial<SessionOptions>]>([
    ["a GPU is required", { providers: ["cuda", "cpu"], requireGpu: true }],
    ["no other provider is allowed", { providers: ["cuda"] }],
  ])("refuses to open if %s", async (_case, changes) => {
    const opening = ModelSession.open(await championWith({}), { ...OPTIONS, ...changes });
    await expect(opening).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringMatching(/^EXECUTION_PROVIDERS cannot be satisfied: cuda is unavailable: /),
    });
  });

  test("attributes a fault to the model, not the provider", async () => {
    const model = { ...(await championWith({})), modelBytes: Buffer.from("not a model") };
    const opening = ModelSession.open(model, { ...OPTIONS, providers: ["cuda", "cpu"], requireGpu: true });
    await expect(opening).rejects.toMatchObject({ code: "model-refused" });
  });
});
