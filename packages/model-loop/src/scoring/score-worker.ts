import { serveThread } from "../threads/serve-thread.js";
import type { SessionModel } from "./score-session.js";
import { ScoreSession } from "./score-session.js";

/** Rows to score: row-major, each as wide as the model's input. */
export interface ScoreTask {
  readonly features: Float32Array<ArrayBuffer>;
  readonly rows: number;
}

// A separate thread, because onnxruntime blocks its thread.
await serveThread(
  async (model: SessionModel) => {
    const session = await ScoreSession.open(model);
    // A copy, because onnxruntime's own result cannot be transferred.
    return async ({ features, rows }: ScoreTask) => new Float32Array(await session.run(features, rows));
  },
  (scores) => [scores.buffer],
);
