import type { MessagePort } from "node:worker_threads";
import { parentPort, workerData } from "node:worker_threads";
import { TreeExplainer } from "@tripline/tree-shap/tree-explainer";
import type { InferenceSession } from "onnxruntime-node";
import { env } from "onnxruntime-node";
import type { OpenedModel } from "../models/open-model.js";
import { messageOf, openModel, ProviderMissing, TwinDiffers } from "../models/open-model.js";
import { CONTRIBUTIONS } from "../models/served-model.js";
import type { TensorSignature, WorkerLoad, WorkerReply, WorkerRequest } from "./worker-messages.js";
import { readRequest, workerLoad } from "./worker-messages.js";

/**
 * The body of an inference thread: loads a model, reports it, and then executes one run at a time. It is a separate
 * thread because onnxruntime blocks its thread.
 */

// Warnings only concern graph optimisation, which an operator cannot fix.
env.logLevel = "error";

async function run(
  model: OpenedModel,
  explainer: TreeExplainer | undefined,
  request: Extract<WorkerRequest, { kind: "run" }>,
): Promise<WorkerReply> {
  const startedMs = performance.now();
  const { unavailable } = model;
  const { outputs, shape } = await model.run(request.features, request.rows);
  const durationMs = performance.now() - startedMs;
  const isMoved = model.unavailable !== unavailable;
  const moved = isMoved ? { moved: { providers: [...model.providers], unavailable: [...model.unavailable] } } : {};
  if (!request.isExplained) return { kind: "ran", outputs, shape, durationMs, explanationMs: 0, ...moved };
  if (explainer === undefined) return { kind: "run-failed", reason: "it does not support contributions" };
  const explainedMs = performance.now();
  const contributions = new Float32Array(request.features.length);
  explainer.explain(request.features, request.rows, contributions);
  const explanationMs = performance.now() - explainedMs;
  return { kind: "ran", outputs, shape, durationMs, contributions, explanationMs, ...moved };
}

/**
 * Reads the trees of a model, or returns the reason why the model cannot be explained. Such a model can still be
 * served.
 */
function openExplainer(load: WorkerLoad): { explainer?: TreeExplainer; unexplained?: string } {
  if (!load.isExplained) return { unexplained: "CONTRIBUTIONS is off." };
  if (load.outputName === CONTRIBUTIONS) return { unexplained: `The model already has an output "${CONTRIBUTIONS}".` };
  try {
    const explainer = TreeExplainer.fromOnnx(load.modelBytes, { input: load.inputName });
    if (explainer.features === load.width) return { explainer };
    return { unexplained: `Its trees read ${explainer.features} columns, but the model has ${load.width}.` };
  } catch (error) {
    return { unexplained: messageOf(error) };
  }
}

function signatureOf(metadata: readonly InferenceSession.ValueMetadata[]): TensorSignature[] {
  return metadata.map((item) =>
    item.isTensor ? { name: item.name, type: item.type, shape: [...item.shape] } : { name: item.name, shape: [] },
  );
}

/** Buffers that are transferred with a message instead of being copied. */
function buffersOf(message: WorkerReply): ArrayBuffer[] {
  if (message.kind !== "ran") return [];
  return [message.outputs, ...(message.contributions ? [message.contributions] : [])].map((values) => values.buffer);
}

function faultOf(error: unknown): "model" | "twin" | "provider" {
  if (error instanceof ProviderMissing) return "provider";
  return error instanceof TwinDiffers ? "twin" : "model";
}

async function serve(port: MessagePort, load: WorkerLoad): Promise<void> {
  const reply = (message: WorkerReply): void => port.postMessage(message, buffersOf(message));
  let opened: OpenedModel;
  try {
    opened = await openModel(load);
  } catch (error) {
    reply({ kind: "load-failed", fault: faultOf(error), reason: messageOf(error) });
    port.close();
    return;
  }
  const { explainer, unexplained } = openExplainer(load);
  port.on("message", (message: unknown) => {
    const request = readRequest(message);
    if (request.kind === "close") {
      void opened.release().finally(() => port.close());
      return;
    }
    run(opened, explainer, request).then(reply, (error: unknown) =>
      reply({ kind: "run-failed", reason: messageOf(error) }),
    );
  });
  reply({
    kind: "loaded",
    inputs: signatureOf(opened.inputs),
    outputs: signatureOf(opened.outputs),
    providers: [...opened.providers],
    unavailable: [...opened.unavailable],
    unexplained,
    plan: opened.plan,
  });
}

if (parentPort === null) throw new Error("inference-thread.js is the body of a worker thread");
await serve(parentPort, workerLoad.parse(workerData));
