import type { MessagePort } from "node:worker_threads";
import { parentPort, workerData } from "node:worker_threads";
import { TreeExplainer } from "@tripline/tree-shap/tree-explainer";
import type { InferenceSession } from "onnxruntime-node";
import { env, Tensor } from "onnxruntime-node";
import type { ExecutionProvider } from "./execution-providers.js";
import { createSession, findPlacement } from "./find-placement.js";
import { CONTRIBUTIONS } from "./served-model.js";
import type { TensorSignature, WorkerLoad, WorkerReply, WorkerRequest } from "./worker-messages.js";
import { workerLoad, workerRequest } from "./worker-messages.js";

/**
 * The body of one inference thread: loads a model, says so, then answers one run at a time. onnxruntime blocks the
 * thread that it runs on, which is why it has its own.
 */

// Warnings are about graph optimisation and nothing that an operator could mend.
env.logLevel = "error";

/** A failure that is due to what the model should run on. */
class ProviderMissing extends Error {}

interface OpenedSession {
  readonly session: InferenceSession;
  readonly providers: readonly ExecutionProvider[];
  readonly unavailable: readonly { provider: ExecutionProvider; reason: string }[];
}

/** Opens the model on what was asked for, or on the CPU where that was allowed and the rest is not available. */
async function openSession(load: WorkerLoad): Promise<OpenedSession> {
  const gpus = load.providers.filter((provider) => provider !== "cpu");
  if (gpus.length === 0) return { session: await createSession(load, ["cpu"]), providers: ["cpu"], unavailable: [] };
  try {
    const session = await createSession(load, load.providers);
    return { session, providers: await findPlacement(load), unavailable: [] };
  } catch (error) {
    const reason = messageOf(error);
    // Should this fail too, then the model is at fault and not the provider.
    const session = await createSession(load, ["cpu"]);
    if (load.requireGpu || !load.providers.includes("cpu")) {
      throw new ProviderMissing(`${gpus.join(", ")} is not available here: ${reason}`);
    }
    return { session, providers: ["cpu"], unavailable: gpus.map((provider) => ({ provider, reason })) };
  }
}

async function run(
  session: InferenceSession,
  explainer: TreeExplainer | undefined,
  load: WorkerLoad,
  request: Extract<WorkerRequest, { kind: "run" }>,
): Promise<WorkerReply> {
  const startedMs = performance.now();
  const input = new Tensor("float32", request.features, [request.rows, request.features.length / request.rows]);
  const output = (await session.run({ [load.inputName]: input }, [load.outputName]))[load.outputName];
  if (output === undefined || !(output.data instanceof Float32Array)) {
    return { kind: "run-failed", reason: `the output "${load.outputName}" holds no float32` };
  }
  const durationMs = performance.now() - startedMs;
  const { data } = output;
  // What is not a plain buffer of its own cannot be transferred, so it is copied.
  const outputs =
    data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength
      ? new Float32Array(data.buffer)
      : new Float32Array(data);
  const shape = [...output.dims];
  if (!request.isExplained) return { kind: "ran", outputs, shape, durationMs, explanationMs: 0 };
  if (explainer === undefined) return { kind: "run-failed", reason: "it cannot be explained" };
  const explainedMs = performance.now();
  const contributions = new Float32Array(request.features.length);
  explainer.explain(request.features, request.rows, contributions);
  const explanationMs = performance.now() - explainedMs;
  return { kind: "ran", outputs, shape, durationMs, contributions, explanationMs };
}

/** Reads the trees of a model. Tells why, where it has none that can be explained: that is no fault of the model. */
function openExplainer(load: WorkerLoad): { explainer?: TreeExplainer; unexplained?: string } {
  if (!load.isExplained) return { unexplained: "CONTRIBUTIONS is off." };
  if (load.outputName === CONTRIBUTIONS) return { unexplained: `It has its own output "${CONTRIBUTIONS}".` };
  try {
    const explainer = TreeExplainer.fromOnnx(load.modelBytes, { input: load.inputName });
    if (explainer.features === load.width) return { explainer };
    return { unexplained: `Its trees read ${explainer.features} of ${load.width} columns.` };
  } catch (error) {
    return { unexplained: messageOf(error) };
  }
}

function signatureOf(metadata: readonly InferenceSession.ValueMetadata[]): TensorSignature[] {
  return metadata.map((item) =>
    item.isTensor ? { name: item.name, type: item.type, shape: [...item.shape] } : { name: item.name, shape: [] },
  );
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}

/** What is handed over with a message instead of being copied. */
function buffersOf(message: WorkerReply): ArrayBuffer[] {
  if (message.kind !== "ran") return [];
  return [message.outputs, ...(message.contributions ? [message.contributions] : [])].map((values) => values.buffer);
}

async function serve(port: MessagePort, load: WorkerLoad): Promise<void> {
  const reply = (message: WorkerReply): void => port.postMessage(message, buffersOf(message));
  let opened: OpenedSession;
  try {
    opened = await openSession(load);
  } catch (error) {
    const fault = error instanceof ProviderMissing ? "provider" : "model";
    reply({ kind: "load-failed", fault, reason: messageOf(error) });
    port.close();
    return;
  }
  const { session } = opened;
  const { explainer, unexplained } = openExplainer(load);
  port.on("message", (message: unknown) => {
    const request = workerRequest.parse(message);
    if (request.kind === "close") {
      void session.release().finally(() => port.close());
      return;
    }
    run(session, explainer, load, request).then(reply, (error: unknown) =>
      reply({ kind: "run-failed", reason: messageOf(error) }),
    );
  });
  reply({
    kind: "loaded",
    inputs: signatureOf(session.inputMetadata),
    outputs: signatureOf(session.outputMetadata),
    providers: [...opened.providers],
    unavailable: [...opened.unavailable],
    unexplained,
  });
}

if (parentPort === null) throw new Error("inference-thread.js is the body of a worker thread");
await serve(parentPort, workerLoad.parse(workerData));
