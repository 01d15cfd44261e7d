import { join } from "node:path";
import { runChild } from "@tripline/lake/run-job";
import { heapMib } from "../snapshot/slices-for.js";

const PROGRAM = join(import.meta.dirname, "..", "rebuild", "main.js");
/** Longer than any rebuild. A process that hangs would keep features paused. */
const RUN_MS_MAX = 86_400_000;
/** Characters of an error that are kept. */
const ERROR_CHARS_MAX = 2_000;

export interface RunRestoreOptions {
  /** Memory limit for the states, and for the heap of the process. */
  readonly memoryGib: number;
  readonly environment: NodeJS.ProcessEnv;
  /** The compiled program (default: that of `tripline rebuild-state`). */
  readonly program?: string;
}

/**
 * Restores the states in a separate process, whose memory is limited. If it is killed, the next run continues with its
 * files.
 *
 * @param signal ends the process
 * @returns the reason why it failed; undefined if it succeeded
 * @throws the signal's reason
 */
export async function runRestore(options: RunRestoreOptions, signal: AbortSignal): Promise<string | undefined> {
  const { memoryGib, environment, program = PROGRAM } = options;
  let error = "";
  const { code, killedBy } = await runChild(
    {
      program,
      env: { ...environment, AUTOMATIC: "1", EXIT_WITH_PARENT: "1" },
      heapMib: heapMib(memoryGib),
      timeoutMs: RUN_MS_MAX,
      endSignal: "SIGTERM",
      onError: (text) => {
        error = (error + text).slice(-ERROR_CHARS_MAX);
      },
    },
    signal,
  );
  if (code === 0) return undefined;
  if (killedBy !== null)
    return `the process was ended by ${killedBy}; it may need more memory (STATE_MEMORY_GIB), or it ran for more than a day.`;
  return error.trimEnd().split("\n").at(-1) ?? "";
}
