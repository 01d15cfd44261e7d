import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { GoldenBatch } from "@tripline/model-registry/model-manifest";
import type { TestRegistry } from "../testing/service.js";
import { copyRegistry } from "../testing/service.js";
import { goldenFeatures } from "./check-model.js";

/**
 * Tests which variant runs on which provider. There is no GPU here: `cuda` is onnxruntime's CPU provider under another
 * name, which counts its inputs and can simulate a lack of memory.
 */

const TWIN = fileURLToPath(new URL("../../test-models/twins/fraud-champion.onnx", import.meta.url));
const OTHER_TWIN = fileURLToPath(new URL("../../test-models/twins/fraud-challenger.onnx", import.meta.url));

const SOURCE = `
  const { workerData, parentPort } = require("node:worker_threads");
  const { load, gpu, modules, rows } = workerData;
  (async () => {
    const { openModel } = await import(modules.openModel);
    const { createSession, findPlacement } = await import(modules.findPlacement);
    let runs = 0;
    const asCpu = (session) => new Proxy(session, {
      get(target, name) {
        if (name !== "run") { const value = target[name]; return typeof value === "function" ? value.bind(target) : value; }
        return async (...given) => {
          runs += 1;
          if (runs > gpu.runsMax) throw new Error("CUDA failure 2: out of memory");
          return target.run(...given);
        };
      },
    });
    const created = [];
    const runtime = {
      createSession: async (model, providers) => {
        if (!providers.includes("cuda")) return createSession(model, providers);
        if (gpu.isMissing) throw new Error("libcuda.so.1 is missing");
        created.push(model.modelBytes.length);
        return asCpu(await createSession(model, ["cpu"]));
      },
      findPlacement: async (model) => {
        const { heavy } = await findPlacement(model, ["cpu"]);
        const left = heavy.cpu.filter((operator) => operator.startsWith("TreeEnsemble"));
        const own = heavy.cpu.filter((operator) => !left.includes(operator));
        return { providers: own.length === 0 ? ["cpu"] : ["cuda", "cpu"], heavy: { cuda: own, cpu: left } };
      },
    };
    const opened = await openModel(load, runtime);
    const first = [...opened.providers];
    const ran = [];
    for (let run = 0; run < 2; run += 1) ran.push((await opened.run(Float32Array.from(rows), rows.length / load.width)).outputs);
    parentPort.postMessage({ first, last: [...opened.providers], unavailable: opened.unavailable, created, ran });
  })().catch((error) => parentPort.postMessage({ fault: error.constructor.name, message: error.message }));`;

interface Gpu {
  readonly isMissing?: boolean;
  /** Number of runs with enough memory. Default: all */
  readonly runsMax?: number;
}

let models: TestRegistry;
let modelBytes: Uint8Array;
let golden: GoldenBatch;

beforeAll(async () => {
  models = await copyRegistry();
  ({ modelBytes, golden } = await models.registry.resolve("fraud", "champion"));
});

afterAll(() => models.remove());

interface Asked {
  readonly providers?: readonly string[];
  readonly twin?: string | undefined;
  readonly requireGpu?: boolean;
  readonly gpu?: Gpu;
}

async function open({ providers = ["cuda", "trees", "cpu"], twin = TWIN, requireGpu = false, gpu = {} }: Asked) {
  const features = goldenFeatures(golden);
  const load = {
    modelBytes,
    inputName: "features",
    width: 4,
    outputName: "probability",
    providers,
    requireGpu,
    golden: features,
    isExplained: false,
    twinBytes: twin === "" ? undefined : readFileSync(twin),
  };
  const modules = {
    openModel: new URL("./open-model.js", import.meta.url).href,
    findPlacement: new URL("./find-placement.js", import.meta.url).href,
  };
  const workerData = { load, modules, rows: features, gpu: { isMissing: false, runsMax: 1_000, ...gpu } };
  const worker = new Worker(SOURCE, { eval: true, workerData });
  try {
    return await new Promise<unknown>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  } finally {
    await worker.terminate();
  }
}

test("a GPU runs the tensor twin with the same scores as the trees", async () => {
  const opened = (await open({})) as { ran: Float32Array[] };
  expect(opened).toMatchObject({ first: ["cuda", "cpu"], created: [readFileSync(TWIN).length] });
  expect(opened.ran[0]?.every((score, row) => Math.abs(score - (golden.outputs[row] ?? 2)) <= 1e-5)).toBe(true);
});

test("without a GPU, our own code runs the trees, and the reason is reported", async () => {
  expect(await open({ gpu: { isMissing: true } })).toMatchObject({
    first: ["trees"],
    unavailable: [{ provider: "cuda", reason: "libcuda.so.1 is missing" }],
  });
});

test("a tree model without a twin does not satisfy REQUIRE_GPU", async () => {
  const found = await open({ twin: "", requireGpu: true });
  expect(found).toEqual({
    fault: "ProviderMissing",
    message: "cuda is unavailable: it leaves these operators to the CPU: TreeEnsembleRegressor",
  });
});

test("the twin satisfies REQUIRE_GPU", async () => {
  expect(await open({ requireGpu: true })).toMatchObject({ first: ["cuda", "cpu"] });
});

test("rejects a twin that was made from other trees, with or without a GPU", async () => {
  for (const isMissing of [false, true]) {
    expect(await open({ twin: OTHER_TWIN, gpu: { isMissing } })).toEqual({
      fault: "TwinDiffers",
      message: expect.stringMatching(
        /^the scores of its tensor twin differ: [\d.e-]+ instead of [\d.e-]+ for row \d+$/,
      ),
    });
  }
});

test("skips a GPU that runs out of memory while loading the model", async () => {
  expect(await open({ gpu: { runsMax: 0 } })).toMatchObject({
    first: ["trees"],
    unavailable: [{ provider: "cuda", reason: expect.stringContaining("out of memory") }],
  });
});

test("if the GPU runs out of memory during a run, runs the same rows on the next provider", async () => {
  const opened = (await open({ gpu: { runsMax: 2 } })) as { ran: Float32Array[] };
  expect(opened).toMatchObject({
    first: ["cuda", "cpu"],
    last: ["trees"],
    unavailable: [{ provider: "cuda", reason: expect.stringContaining("out of memory") }],
  });
  const apart = (opened.ran[1] ?? []).map((score, row) => Math.abs(score - (opened.ran[0]?.[row] ?? 2)));
  expect(Math.max(...apart)).toBeLessThanOrEqual(1e-6);
});

test("if a required GPU runs out of memory, the run fails", async () => {
  expect(await open({ requireGpu: true, gpu: { runsMax: 2 } })).toMatchObject({
    fault: "Error",
    message: expect.stringContaining("out of memory"),
  });
});
