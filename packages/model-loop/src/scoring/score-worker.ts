import { serveThread } from "../threads/serve-thread.js";
import type { SessionModel } from "./score-session.js";
import { ScoreSession } from "./score-session.js";

/** Rows to score: one after the other, each as wide as the model's input. */
export interface ScoreTask {
  readonly features: Float32Array<ArrayBuffer>;
  readonly rows: number;
}

// A thread of its own, for onnxruntime blocks the one that it runs on.
await serveThread(
  async (model: SessionModel) => {
    const session = await ScoreSession.open(model);
    // A copy, for what onnxruntime gives cannot be handed over.
    return async ({ features, rows }: ScoreTask) => new Float32Array(await session.run(features, rows));
  },
  (scores) => [scores.buffer],
);
