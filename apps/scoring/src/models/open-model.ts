import type { ScorerPlan } from "@tripline/tree-inference/tree-scorer";
import type { InferenceSession } from "onnxruntime-node";
import { Tensor } from "onnxruntime-node";
import type { WorkerLoad } from "../inference/worker-messages.js";
import type { ExecutionProvider, OnnxProvider } from "./execution-providers.js";
import { isOnnx } from "./execution-providers.js";
import { createSession, findPlacement } from "./find-placement.js";
import type { RunModel } from "./open-trees.js";
import { openTrees } from "./open-trees.js";

/** A failure of the execution provider, not of the model. */
export class ProviderMissing extends Error {}

export interface Unavailable {
  readonly provider: ExecutionProvider;
  readonly reason: string;
}

/** A model that can be run. It does one run at a time. */
export interface OpenedModel {
  readonly inputs: readonly InferenceSession.ValueMetadata[];
  readonly outputs: readonly InferenceSession.ValueMetadata[];
  /** Those that run at least one node, in order of preference. */
  readonly providers: readonly ExecutionProvider[];
  /** Requested providers that do not run the model. */
  readonly unavailable: readonly Unavailable[];
  /** What other threads need to run it too, if `trees` runs it. */
  readonly plan?: ScorerPlan | undefined;
  readonly run: RunModel;
  release(): Promise<void>;
}

type OpenedSession = Pick<OpenedModel, "providers" | "unavailable"> & { readonly session: InferenceSession };

/**
 * Opens a model on the first of the providers that can run it.
 *
 * @throws ProviderMissing when none of them can and the CPU was not allowed, or a GPU has to be there
 */
export async function openModel(load: WorkerLoad): Promise<OpenedModel> {
  const wantsTrees = load.providers.includes("trees") && !load.requireGpu;
  const opened = await openSession(load);
  if (!wantsTrees) return onnxModel(opened, load);
  const before = load.providers.slice(0, load.providers.indexOf("trees"));
  if (opened.providers.some((provider) => before.includes(provider))) return onnxModel(opened, load);
  const trees = await openTrees(load, (features, rows) => runSession(opened.session, load, features, rows));
  if ("reason" in trees) {
    const onnx = load.providers.filter(isOnnx);
    if (onnx.length === 0) throw new ProviderMissing(`trees cannot run this model: ${trees.reason}`);
    const unavailable = [...opened.unavailable, { provider: "trees" as const, reason: trees.reason }];
    return onnxModel({ ...opened, unavailable }, load);
  }
  const { inputMetadata: inputs, outputMetadata: outputs } = opened.session;
  await opened.session.release();
  const { unavailable } = opened;
  return { inputs, outputs, providers: ["trees"], unavailable, ...trees, release: async () => undefined };
}

function onnxModel({ session, providers, unavailable }: OpenedSession, load: WorkerLoad): OpenedModel {
  return {
    inputs: session.inputMetadata,
    outputs: session.outputMetadata,
    providers,
    unavailable,
    run: (features, rows) => runSession(session, load, features, rows),
    release: () => session.release(),
  };
}

/** Opens the model in onnxruntime on the requested providers, or on the CPU if it is allowed and the others are missing. */
async function openSession(load: WorkerLoad): Promise<OpenedSession> {
  const providers: OnnxProvider[] = load.providers.filter(isOnnx);
  const others = providers.filter((provider) => provider !== "cpu");
  const cpu = ["cpu"] as const;
  if (others.length === 0) return { session: await createSession(load, cpu), providers: cpu, unavailable: [] };
  try {
    const session = await createSession(load, providers);
    return { session, providers: await findPlacement(load, providers), unavailable: [] };
  } catch (error) {
    const reason = messageOf(error);
    // If this fails too, the model is at fault and not the provider.
    const session = await createSession(load, cpu);
    const canDoWithout = providers.includes("cpu") || load.providers.includes("trees");
    if (load.requireGpu || !canDoWithout) {
      throw new ProviderMissing(`${others.join(", ")} is not available here: ${reason}`);
    }
    return { session, providers: cpu, unavailable: others.map((provider) => ({ provider, reason })) };
  }
}

/** @throws Error when the output holds no float32 */
async function runSession(
  session: InferenceSession,
  load: WorkerLoad,
  features: Float32Array<ArrayBuffer>,
  rows: number,
): ReturnType<OpenedModel["run"]> {
  const input = new Tensor("float32", features, [rows, features.length / rows]);
  const output = (await session.run({ [load.inputName]: input }, [load.outputName]))[load.outputName];
  if (output === undefined || !(output.data instanceof Float32Array)) {
    throw new Error(`the output "${load.outputName}" holds no float32`);
  }
  const { data, dims } = output;
  // Only a whole plain buffer can be transferred; anything else is copied.
  const isOwn = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  const outputs = isOwn ? new Float32Array(data.buffer as ArrayBuffer) : new Float32Array(data);
  return { outputs, shape: [...dims] };
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}
