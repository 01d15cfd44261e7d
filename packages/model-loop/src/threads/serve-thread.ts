import { parentPort, workerData } from "node:worker_threads";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { ThreadAnswer } from "./thread-pool.js";
import { END } from "./thread-pool.js";

/**
 * The body of a thread of a `ThreadPool`: does one task after the other.
 *
 * @param open makes the thread ready with its data; gives what does a task
 * @param buffersOf what of a result is handed over instead of being copied
 */
export async function serveThread<Data, Task, Result>(
  open: (data: Data) => Promise<(task: Task) => Promise<Result>>,
  buffersOf: (result: Result) => readonly ArrayBuffer[] = () => [],
): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("This file is the body of a worker thread.");
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
        // Nobody waits for what was asked before the end any more.
        if (!isEnding) answer({ kind: "done", result: await run(task) });
      };
      last = last.then(perform).catch(fail);
    });
    answer({ kind: "ready" });
  } catch (error) {
    fail(error);
  }
}
