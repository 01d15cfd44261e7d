import { ThreadPool } from "../threads/thread-pool.js";
import type { SessionModel } from "./score-session.js";
import type { ScoreTask } from "./score-worker.js";

/** Threads that have loaded a model and take batches in turn. */
export class ScorePool {
  private constructor(private readonly threads: ThreadPool<ScoreTask, Float32Array>) {}

  /** @throws TriplineError `model-refused` if the model cannot be loaded */
  static async start({ modelBytes, manifest }: SessionModel, count: number): Promise<ScorePool> {
    const body = new URL("./score-worker.js", import.meta.url);
    return new ScorePool(await ThreadPool.start(body, { modelBytes, manifest }, count));
  }

  /**
   * Scores rows on the next thread. The caller must limit the queue.
   *
   * @param features row-major; the buffer is transferred, so the caller can no longer use it
   * @throws TriplineError `model-refused` if the model does not return a probability
   */
  run(features: Float32Array<ArrayBuffer>, rows: number): Promise<Float32Array> {
    return this.threads.run({ features, rows }, [features.buffer]);
  }

  close(): Promise<void> {
    return this.threads.close();
  }
}
