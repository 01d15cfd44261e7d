import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runPython } from "@tripline/model-loop/run-python";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { ExecutionProvider } from "@tripline/scoring/models/execution-providers";
import { ModelSession } from "@tripline/scoring/models/model-session";
import { Option } from "commander";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { Benchmark, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";
import { percentile } from "../harness/spread.js";
import { prepareModels } from "./prepare-models.js";

const BATCHES = [1, 16, 256, 4_096, 65_536] as const;
const ROUNDS = 3;
const ROUND_MS = 1_000;
const MS_PER_HOUR = 3_600_000;
const MILLION = 1_000_000;

/** A model on an accelerator, compared with the same trees in our own code, for batches from one row to many. */
export const gpuBenchmark: Benchmark = {
  name: "gpu",
  description: "tensor twin and network on a GPU, compared with trees on the CPU; measures nothing without a GPU",
  options: [
    new Option("--provider <name>", "execution provider of the accelerator")
      .choices(["cuda", "tensorrt", "webgpu", "dml", "coreml"])
      .default("cuda"),
    new Option("--gpu-price <usd>", "US dollars per hour for the machine with the GPU").argParser(Number).default(0.8),
    new Option("--core-price <usd>", "US dollars per core and hour").argParser(Number).default(0.05),
  ],
  absent: async ({ root }, { provider }) => {
    const registry = openRegistry(pathToFileURL(join(root, "apps/scoring/test-models/networks/generated")).href);
    const reason = await open(await registry.resolve("fraud-keras", "candidate"), [provider as ExecutionProvider]).then(
      (session) => session.close(),
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    return reason === undefined ? undefined : `gpu: nothing is measured, because there is no usable GPU: ${reason}`;
  },
  parts: [{ name: "batches", title: "300 trees of depth 6 and a network, by batch, on a GPU and on the CPU", run }],
  line: BATCHES.map((rows) => `ratio_b${rows}`),
};

/** Fails if a node of the model would not run on the accelerator. */
function open(version: ModelVersion, providers: readonly ExecutionProvider[], workers = 1): Promise<ModelSession> {
  const requireGpu = providers[0] !== "trees";
  return ModelSession.open(version, { workers, providers, requireGpu, isExplained: false });
}

async function run(context: BenchContext): Promise<PartOutcome> {
  const { registryUrl } = await prepareModels(context);
  const registry = openRegistry(registryUrl);
  const network = await registry.resolve("network", "champion");
  const trees = await registry.resolve("trees", "champion");
  const twinBytes = await makeTwin(context, trees.modelPath);
  const provider = context.flags.provider as ExecutionProvider;
  const [gpuPrice, corePrice] = [Number(context.flags.gpuPrice), Number(context.flags.corePrice)];
  const cores = availableParallelism();
  const kinds = [
    { name: `trees on ${provider}`, session: await open({ ...trees, twinBytes }, [provider]), price: gpuPrice },
    { name: `network on ${provider}`, session: await open(network, [provider]), price: gpuPrice },
    { name: "trees on a core", session: await open(trees, ["trees"]), price: corePrice },
    { name: `trees on ${cores} cores`, session: await open(trees, ["trees"], cores), price: corePrice * cores },
  ];
  context.defer(() => Promise.all(kinds.map(({ session }) => session.close())));
  const contestants = BATCHES.flatMap((rows) =>
    kinds.map(({ name, session, price }) => contestant(nameOf(name, rows), session, rows, price)),
  );
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  const usdOf = (name: string, rows: number) => samplesOf(measured, nameOf(name, rows), "usd_per_million");
  const ratios = BATCHES.map((rows) => {
    const own = usdOf(`trees on ${provider}`, rows);
    return [`ratio_b${rows}`, usdOf(`trees on ${cores} cores`, rows).map((usd, at) => usd / (own[at] ?? Number.NaN))];
  });
  return {
    contestants: measured,
    summary: Object.fromEntries(ratios),
    notes: [
      "ratio_b<rows>: cost of a million rows of trees on all cores divided by their twin's cost on the GPU; above 1, the GPU is cheaper.",
      `usd_per_million: at ${gpuPrice} US dollars per hour with the GPU and ${corePrice} per core and hour, always at full load.`,
      "Batches run one after another, as for a single caller; on several cores, each batch is split.",
    ],
  };
}

const nameOf = (kind: string, rows: number) => `${kind}, ${rows} rows`;

function contestant(name: string, session: ModelSession, rows: number, usdPerHour: number): Contestant {
  const width = session.manifest.input.shape[1];
  return {
    name,
    meters: [ownCpu()],
    run: async () => {
      const timesMs: number[] = [];
      const endMs = performance.now() + ROUND_MS;
      while (performance.now() < endMs) {
        const parts = Math.min(session.parallelRunsMax, rows);
        const batches = Array.from({ length: parts }, (_, part) => {
          const own = Math.floor(((part + 1) * rows) / parts) - Math.floor((part * rows) / parts);
          return { own, features: Float32Array.from({ length: own * width }, Math.random) };
        });
        const startMs = performance.now();
        await Promise.all(batches.map(({ own, features }) => session.run(features, own)));
        timesMs.push(performance.now() - startMs);
      }
      const rowsPerS = (1_000 * rows * timesMs.length) / timesMs.reduce((sum, ms) => sum + ms, 0);
      return {
        operations: timesMs.length * rows,
        figures: {
          rows_per_s: rowsPerS,
          p50_ms: percentile(timesMs, 0.5),
          p99_ms: percentile(timesMs, 0.99),
          usd_per_million: (usdPerHour / MS_PER_HOUR) * 1_000 * (MILLION / rowsPerS),
        },
      };
    },
  };
}

/** Creates the twin with the code that publishes twins. */
async function makeTwin({ folder }: BenchContext, model: string): Promise<Uint8Array> {
  const output = join(folder, "twin.onnx");
  await runPython("tripline_training.make_twin", ["--model", model, "--output", output]);
  return readFile(output);
}
