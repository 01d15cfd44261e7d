import type { MessagePort } from "node:worker_threads";
import { parentPort, workerData } from "node:worker_threads";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { SessionModel } from "./score-session.js";
import { ScoreSession } from "./score-session.js";

/** Rows to score: one after the other, each as wide as the model's input. */
export interface ScoreTask {
  readonly features: Float32Array<ArrayBuffer>;
  readonly rows: number;
}

export type ScoreAnswer =
  | { readonly kind: "loaded" }
  | { readonly kind: "scored"; readonly scores: Float32Array<ArrayBuffer> }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

/** The body of a thread that scores: onnxruntime blocks the thread that it runs on. It answers in the order of the asking. */
async function serve(port: MessagePort, model: SessionModel): Promise<void> {
  const answer = (message: ScoreAnswer): void =>
    port.postMessage(message, message.kind === "scored" ? [message.scores.buffer] : []);
  const fail = (error: unknown): void => {
    const { code, message } = asTriplineError(error);
    answer({ kind: "failed", code, message });
  };
  try {
    const session = await ScoreSession.open(model);
    port.on("message", ({ features, rows }: ScoreTask) => {
      // A copy, for what onnxruntime gives cannot be handed over.
      session.run(features, rows).then((scores) => answer({ kind: "scored", scores: new Float32Array(scores) }), fail);
    });
    answer({ kind: "loaded" });
  } catch (error) {
    fail(error);
  }
}

if (parentPort === null) throw new Error("score-worker.js is the body of a worker thread");
await serve(parentPort, workerData);
