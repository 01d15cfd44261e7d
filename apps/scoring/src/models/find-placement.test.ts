import { Worker } from "node:worker_threads";
import type { TestRegistry } from "../testing/service.js";
import { copyRegistry } from "../testing/service.js";

let models: TestRegistry;

beforeAll(async () => {
  models = await copyRegistry();
});

afterAll(() => models.remove());

// onnxruntime does not load inside Jest's own context, so it runs in a thread, as in the service.
const SOURCE = `
  const { workerData, parentPort } = require("node:worker_threads");
  import(workerData.module)
    .then(({ findPlacement }) => findPlacement(workerData.load, workerData.load.providers))
    .then((placement) => parentPort.postMessage(placement));`;

test("determines from a profile which providers run the model's nodes", async () => {
  const { modelBytes } = await models.registry.resolve("fraud", "champion");
  const load = {
    modelBytes,
    inputName: "features",
    width: 4,
    outputName: "probability",
    providers: ["cpu"],
    requireGpu: false,
  };
  const module = new URL("./find-placement.js", import.meta.url).href;
  const worker = new Worker(SOURCE, { eval: true, workerData: { module, load } });
  const placement = await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  expect(placement).toEqual({ providers: ["cpu"], heavy: { cpu: ["TreeEnsembleRegressor", "Sigmoid"] } });
  await worker.terminate();
});
