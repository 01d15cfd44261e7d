import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { makeOwnFolder } from "./log/own-folder.js";

/** The fields that the note of every job contains. */
export interface JobRun {
  readonly ended_at: string;
  readonly took_ms: number;
  readonly failure: string | null;
}

export interface JobOptions<Run extends JobRun> {
  /** The compiled program, which stores its result in the lake. */
  readonly program: string;
  /** Prefix of the process's temporary folders. */
  readonly scratch: string;
  readonly heapMib: number;
  readonly timeoutMs: number;
  /** Ends the process. */
  readonly endSignal: NodeJS.Signals;
  /** Arguments and environment of the program. */
  start(scratch: string): { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv };
  /** The last result in the lake. */
  read(): Promise<Run | null>;
  /** Stores a result on behalf of a process that died before it could store its own. */
  write(run: Run): Promise<void>;
  /** @param how how the process ended, as the end of a sentence */
  fail(how: string, ended: Pick<JobRun, "ended_at" | "took_ms">, last: Run | null): Run;
}

/**
 * Runs a job on the lake in a separate process, so that its memory is limited and is released afterwards, and its
 * failures do not affect this process.
 *
 * @param signal terminates the process, at any point
 * @throws the signal's reason; TriplineError `lake-unavailable`
 */
export async function runJob<Run extends JobRun>(options: JobOptions<Run>, signal: AbortSignal): Promise<Run> {
  const startedAtMs = Date.now();
  // Needed because this process may be killed before it removes the folder.
  const scratch = await makeOwnFolder(tmpdir(), options.scratch);
  try {
    // A listener that is added to an aborted signal is never called.
    signal.throwIfAborted();
    const { args = [], env } = options.start(scratch);
    const flags = ["--enable-source-maps", `--max-old-space-size=${options.heapMib}`];
    const child = spawn(process.execPath, [...flags, options.program, ...args], {
      env,
      // The program's lines are for a terminal; the caller logs the result.
      stdio: ["pipe", "ignore", "inherit"],
    });
    const ending = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
    const end = () => child.kill(options.endSignal);
    ending.addEventListener("abort", end, { once: true });
    const [code, killedBy] = await once(child, "exit");
    ending.removeEventListener("abort", end);
    signal.throwIfAborted();
    const last = await options.read();
    if (last !== null && Date.parse(last.ended_at) >= startedAtMs) return last;
    const how = killedBy === null ? `with code ${code}` : `by ${killedBy}`;
    const run = options.fail(how, { ended_at: new Date().toISOString(), took_ms: Date.now() - startedAtMs }, last);
    await options.write(run);
    return run;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
