import { isSame } from "@tripline/tree-inference/prove-scorer";
import type { ScorerPlan } from "@tripline/tree-inference/tree-scorer";
import type { InferenceSession } from "onnxruntime-node";
import { Tensor } from "onnxruntime-node";
import type { WorkerLoad } from "../inference/worker-messages.js";
import type { ExecutionProvider, OnnxProvider } from "./execution-providers.js";
import { isAccelerator, isGpu } from "./execution-providers.js";
import { createSession, findPlacement } from "./find-placement.js";
import type { RunModel } from "./open-trees.js";
import { openTrees, rowsToCompare } from "./open-trees.js";
import type { Unavailable } from "./unavailable.js";
import { isOutOfMemory } from "./unavailable.js";

/** A failure of the execution provider, not of the model. */
export class ProviderMissing extends Error {}

/** A tensor twin whose scores differ from those of its model. */
export class TwinDiffers extends Error {}

/** A loaded model, for one run at a time. */
export interface OpenedModel {
  readonly inputs: readonly InferenceSession.ValueMetadata[];
  readonly outputs: readonly InferenceSession.ValueMetadata[];
  /** Providers that run at least one node, in order of preference. They change if a GPU runs out of memory. */
  readonly providers: readonly ExecutionProvider[];
  /** Requested providers that do not run the model. */
  readonly unavailable: readonly Unavailable[];
  /** The prepared model for other threads, if `trees` runs it. */
  readonly plan?: ScorerPlan | undefined;
  readonly run: RunModel;
  release(): Promise<void>;
}

/** Opens models. Tests replace it to simulate a GPU. */
export interface Runtime {
  readonly createSession: typeof createSession;
  readonly findPlacement: typeof findPlacement;
}

/**
 * Opens a model on the first provider that can run it. onnxruntime runs all providers except `trees`. Accelerators run
 * the tensor twin of a tree model. If a GPU is required, no other provider is tried.
 *
 * @throws ProviderMissing if no provider can run it, TwinDiffers if the twin's scores differ from the model's
 */
export async function openModel(
  load: WorkerLoad,
  runtime: Runtime = { createSession, findPlacement },
): Promise<OpenedModel> {
  // If this fails, the model is at fault, not a provider.
  const session = await runtime.createSession(load, ["cpu"]);
  const reference = sessionModel(session, load);
  const unavailable: Unavailable[] = [];
  let opened: Opened | undefined;
  try {
    if (load.providers.some(isAccelerator)) await proveTwin(load, reference, runtime);
    for (const provider of load.requireGpu ? load.providers.filter(isGpu) : load.providers) {
      const found = await openOn(provider, load, reference, runtime).catch((error) => ({ reason: messageOf(error) }));
      if ("run" in found) {
        opened = found;
        break;
      }
      unavailable.push({ provider, reason: found.reason });
    }
  } finally {
    if (opened !== reference) await session.release();
  }
  if (opened === undefined) throw new ProviderMissing(unavailable.map(sentenceOf).join("; "));
  const { inputMetadata: inputs, outputMetadata: outputs } = session;
  return withNextProvider({ ...opened, inputs, outputs, unavailable }, load, runtime);
}

type Opened = Pick<OpenedModel, "providers" | "plan" | "run" | "release">;

function sessionModel(
  session: InferenceSession,
  load: WorkerLoad,
  providers: readonly OnnxProvider[] = ["cpu"],
): Opened {
  return {
    providers,
    run: (features, rows) => runSession(session, load, features, rows),
    release: () => session.release(),
  };
}

async function openOn(
  provider: ExecutionProvider,
  load: WorkerLoad,
  reference: Opened,
  runtime: Runtime,
): Promise<Opened | { readonly reason: string }> {
  if (provider === "cpu") return reference;
  if (provider === "trees") {
    const trees = await openTrees(load, reference.run);
    return "reason" in trees ? trees : { ...trees, providers: ["trees"], release: async () => undefined };
  }
  const variant = { ...load, modelBytes: load.twinBytes ?? load.modelBytes };
  // TensorRT passes unsupported operators to CUDA.
  const asked: OnnxProvider[] = [
    ...load.providers.slice(load.providers.indexOf(provider)).filter(isAccelerator),
    "cpu",
  ];
  const session = await runtime.createSession(variant, asked);
  try {
    const { providers, heavy } = await runtime.findPlacement(variant, asked);
    const left = heavy.cpu ?? [];
    if (!providers.includes(provider)) throw new Error("it has no kernel for any of the model's operators");
    if (load.requireGpu && left.length > 0) throw new Error(`it leaves these operators to the CPU: ${left.join(", ")}`);
    const opened = sessionModel(session, load, providers);
    // This is also the first full-size run on this provider, which allocates its memory.
    const difference = await differenceOf(load, reference, opened);
    if (load.twinBytes !== undefined && difference !== undefined) throw new Error(`its scores differ: ${difference}`);
    return opened;
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** Compares the twin with its model on the CPU, so that a difference is caused by the twin and not by a provider. */
async function proveTwin(load: WorkerLoad, reference: Opened, runtime: Runtime): Promise<void> {
  if (load.twinBytes === undefined) return;
  const session = await runtime.createSession({ modelBytes: load.twinBytes }, ["cpu"]);
  try {
    const difference = await differenceOf(load, reference, sessionModel(session, load));
    if (difference !== undefined) throw new TwinDiffers(`the scores of its tensor twin differ: ${difference}`);
  } finally {
    await session.release();
  }
}

/** The first difference, on the golden rows and rows at a tree model's thresholds; undefined if there is none. */
async function differenceOf(load: WorkerLoad, one: Opened, other: Opened): Promise<string | undefined> {
  const features = rowsToCompare(load);
  const rows = features.length / load.width;
  if (rows === 0) return undefined;
  const [wanted, found] = [await one.run(features, rows), await other.run(features, rows)];
  const odd = wanted.outputs.findIndex((value, row) => !isSame(value, found.outputs[row] ?? Number.NaN));
  return odd === -1 ? undefined : `${found.outputs[odd]} instead of ${wanted.outputs[odd]} for row ${odd}`;
}

/**
 * If a GPU has no memory for a run, the next provider repeats the run and stays in use. If a GPU is required, the run
 * fails.
 */
function withNextProvider(first: OpenedModel, load: WorkerLoad, runtime: Runtime): OpenedModel {
  let current = first;
  const run: RunModel = async (features, rows) => {
    try {
      return await current.run(features, rows);
    } catch (error) {
      const [provider] = current.providers;
      if (provider === undefined || load.requireGpu || !isOutOfMemory(messageOf(error))) throw error;
      const left = load.providers.slice(load.providers.indexOf(provider) + 1);
      if (left.length === 0) throw error;
      const next = await openModel({ ...load, providers: left }, runtime);
      await current.release();
      const unavailable = [...current.unavailable, { provider, reason: messageOf(error) }, ...next.unavailable];
      current = { ...next, unavailable };
      return current.run(features, rows);
    }
  };
  const { inputs, outputs, plan } = first;
  return {
    inputs,
    outputs,
    plan,
    run,
    get providers() {
      return current.providers;
    },
    get unavailable() {
      return current.unavailable;
    },
    release: () => current.release(),
  };
}

function sentenceOf({ provider, reason }: Unavailable): string {
  return provider === "trees"
    ? `the "trees" provider cannot run this model: ${reason}`
    : `${provider} is unavailable: ${reason}`;
}

/** @throws Error if the output is not float32 */
async function runSession(
  session: InferenceSession,
  load: WorkerLoad,
  features: Float32Array<ArrayBuffer>,
  rows: number,
): ReturnType<OpenedModel["run"]> {
  const input = new Tensor("float32", features, [rows, features.length / rows]);
  const output = (await session.run({ [load.inputName]: input }, [load.outputName]))[load.outputName];
  if (output === undefined || !(output.data instanceof Float32Array)) {
    throw new Error(`the output "${load.outputName}" is not float32`);
  }
  const { data, dims } = output;
  // Only a complete ArrayBuffer can be transferred to another thread. Anything else is copied.
  const isOwn = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  const outputs = isOwn ? new Float32Array(data.buffer as ArrayBuffer) : new Float32Array(data);
  return { outputs, shape: [...dims] };
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}
