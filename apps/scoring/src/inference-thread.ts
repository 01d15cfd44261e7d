import type { MessagePort } from "node:worker_threads";
import { parentPort, workerData } from "node:worker_threads";
import type { InferenceSession } from "onnxruntime-node";
import { env, Tensor } from "onnxruntime-node";
import type { ExecutionProvider } from "./config.js";
import { createSession, findPlacement } from "./find-placement.js";
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
  load: WorkerLoad,
  request: Extract<WorkerRequest, { kind: "run" }>,
): Promise<WorkerReply> {
  const startedMs = performance.now();
  const input = new Tensor("float32", request.features, [request.rows, request.features.length / request.rows]);
  const output = (await session.run({ [load.inputName]: input }, [load.outputName]))[load.outputName];
  if (output === undefined || !(output.data instanceof Float32Array)) {
    return { kind: "run-failed", reason: `the output "${load.outputName}" holds no float32` };
  }
  const { data } = output;
  // What is not a plain buffer of its own cannot be transferred, so it is copied.
  const outputs =
    data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength
      ? new Float32Array(data.buffer)
      : new Float32Array(data);
  return { kind: "ran", outputs, shape: [...output.dims], durationMs: performance.now() - startedMs };
}

function signatureOf(metadata: readonly InferenceSession.ValueMetadata[]): TensorSignature[] {
  return metadata.map((item) =>
    item.isTensor ? { name: item.name, type: item.type, shape: [...item.shape] } : { name: item.name, shape: [] },
  );
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}

async function serve(port: MessagePort, load: WorkerLoad): Promise<void> {
  const reply = (message: WorkerReply): void =>
    port.postMessage(message, message.kind === "ran" ? [message.outputs.buffer] : []);
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
  port.on("message", (message: unknown) => {
    const request = workerRequest.parse(message);
    if (request.kind === "close") {
      void session.release().finally(() => port.close());
      return;
    }
    run(session, load, request).then(reply, (error: unknown) =>
      reply({ kind: "run-failed", reason: messageOf(error) }),
    );
  });
  reply({
    kind: "loaded",
    inputs: signatureOf(session.inputMetadata),
    outputs: signatureOf(session.outputMetadata),
    providers: [...opened.providers],
    unavailable: [...opened.unavailable],
  });
}

if (parentPort === null) throw new Error("inference-thread.js is the body of a worker thread");
await serve(parentPort, workerLoad.parse(workerData));
