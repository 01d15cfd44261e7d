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

export interface ChildOptions {
  /** The compiled program. */
  readonly program: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly heapMib: number;
  readonly timeoutMs: number;
  /** Ends the process. */
  readonly endSignal: NodeJS.Signals;
  /** Receives what the program writes to stderr. Default: stderr of this process */
  readonly onError?: (text: string) => void;
}

/** How a process ended: with a code or by a signal. */
export interface Ended {
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
}

export interface JobOptions<Run extends JobRun>
  extends Pick<ChildOptions, "program" | "heapMib" | "timeoutMs" | "endSignal"> {
  /** Prefix of the process's temporary folders. */
  readonly scratch: string;
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
    const { args = [], env } = options.start(scratch);
    const { code, killedBy } = await runChild({ ...options, args, env }, signal);
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

/**
 * Runs a Node program with a limited heap in a separate process. Its output on stdout is intended for a terminal and is
 * discarded.
 *
 * @param signal ends the process
 * @throws the signal's reason
 */
export async function runChild(options: ChildOptions, signal: AbortSignal): Promise<Ended> {
  const { program, args = [], env, heapMib, timeoutMs, endSignal, onError } = options;
  // A listener that is added to an aborted signal is never called.
  signal.throwIfAborted();
  const flags = ["--enable-source-maps", `--max-old-space-size=${heapMib}`];
  const child = spawn(process.execPath, [...flags, program, ...args], {
    env,
    stdio: ["pipe", "ignore", onError === undefined ? "inherit" : "pipe"],
  });
  if (onError !== undefined) child.stderr?.setEncoding("utf8").on("data", onError);
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const end = () => child.kill(endSignal);
  ending.addEventListener("abort", end, { once: true });
  const [code, killedBy] = await once(child, "close");
  ending.removeEventListener("abort", end);
  signal.throwIfAborted();
  return { code, killedBy };
}
