import { parentPort, workerData } from "node:worker_threads";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { ThreadAnswer } from "./thread-pool.js";
import { END } from "./thread-pool.js";

/**
 * The body of a `ThreadPool` thread: runs one task after another.
 *
 * @param open prepares the thread with its data; returns the function that runs a task
 * @param buffersOf the buffers of a result that are transferred instead of copied
 */
export async function serveThread<Data, Task, Result>(
  open: (data: Data) => Promise<(task: Task) => Promise<Result>>,
  buffersOf: (result: Result) => readonly ArrayBuffer[] = () => [],
): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("This file must run as a worker thread.");
  const answer = (message: ThreadAnswer<Result>): void =>
    port.postMessage(message, message.kind === "done" ? [...buffersOf(message.result)] : []);
  const fail = (error: unknown): void => {
    const { code, message } = asTriplineError(error);
    answer({ kind: "failed", code, message });
  };
  try {
    const run = await open(workerData);
    let last: Promise<void> = Promise.resolve();
    let isEnding = false;
    port.on("message", (task: Task | typeof END) => {
      if (task === END) {
        isEnding = true;
        void last.then(() => port.close());
        return;
      }
      const perform = async (): Promise<void> => {
        // After the end, no caller waits for earlier tasks.
        if (!isEnding) answer({ kind: "done", result: await run(task) });
      };
      last = last.then(perform).catch(fail);
    });
    answer({ kind: "ready" });
  } catch (error) {
    fail(error);
  }
}
