import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { removeProcessRecord, writeProcessRecord } from "./end-leftovers.js";
import { isPortFree } from "./find-free-ports.js";
import { patient } from "./patient.js";
import { tailOf } from "./run-command.js";
import { trackChild } from "./track-children.js";

export interface ProcessPlan {
  /** Base name of the log (`logs/<name>.log`) and of the process record. */
  readonly name: string;
  /** Display name, such as Kafka. */
  readonly title: string;
  /** The stack's directory. */
  readonly directory: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** In addition to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly port: number;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** The signal for an orderly shutdown that does not wait for clients. */
  readonly stopSignal: "SIGTERM" | "SIGINT";
  readonly stopMs: number;
  /** Time limit for readiness; extended on a busy machine. */
  readonly readyMs: number;
  /** Work before every start, for example after a crash. */
  prepare?(): Promise<void>;
  /** Whether the server responds to its own protocol. The log of this start begins at `logOffset`. Never throws. */
  isReady(logFile: string, logOffset: number): Promise<boolean>;
}

const POLL_MS = 25;
const LOG_BYTES_MAX = 20 * 1024 * 1024;
/** Child processes of a killed server may briefly keep its port or memory. */
const PORT_WAIT_MS = 2_000;

/**
 * A server as a child process: in a separate process group, with its output in a file, and recorded so that a later run
 * can find it.
 */
export class ManagedProcess {
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  /** Whether it was stopped on request and has not been started since. */
  private stopped = true;
  private isUp = false;
  private unexpectedEnd: () => void = () => {};

  constructor(private readonly plan: ProcessPlan) {}

  get isRunning(): boolean {
    return this.child !== undefined;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  /** @param listener called if the server ends unexpectedly after it was ready */
  onUnexpectedEnd(listener: () => void): void {
    this.unexpectedEnd = listener;
  }

  /** Resolves once the server is ready. Throws one sentence with the log's last lines if it is not ready in time. */
  async start(): Promise<void> {
    this.stopped = false;
    await this.startAgain();
  }

  /** Like `start`, but does nothing if it was stopped in the meantime. */
  async startAgain(): Promise<void> {
    if (this.child !== undefined || this.stopped) return;
    await this.refuseTakenPort();
    await this.plan.prepare?.();
    const { logFile, logOffset } = this.prepareLog();
    this.spawn(logFile);
    const startedMs = Date.now();
    while (!(await this.plan.isReady(logFile, logOffset))) {
      if (this.child === undefined) throw this.failure("exited while starting", logFile);
      const waitedMs = Date.now() - startedMs;
      if (waitedMs > patient(this.plan.readyMs)) {
        await this.end();
        throw this.failure(`did not respond within ${Math.round(waitedMs / 1000)} s`, logFile);
      }
      await delay(POLL_MS);
    }
    this.isUp = true;
    if (this.stopped) await this.end();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.child === undefined) return;
    this.child.ref();
    this.child.kill(this.plan.stopSignal);
    const ended = await Promise.race([this.exited.then(() => true), delay(this.plan.stopMs, false, { ref: false })]);
    if (!ended) await this.end();
  }

  /** Sends SIGKILL, as in a crash; the server stays down until it is started. */
  async kill(): Promise<void> {
    this.stopped = true;
    await this.end();
  }

  private async end(): Promise<void> {
    this.child?.ref();
    this.child?.kill("SIGKILL");
    await this.exited;
  }

  private async refuseTakenPort(): Promise<void> {
    const { port, title } = this.plan;
    const startedMs = Date.now();
    while (!(await isPortFree(port))) {
      if (Date.now() - startedMs > patient(PORT_WAIT_MS)) {
        throw new TriplineError(
          "config-invalid",
          `Port ${port}, which ${title} needs, is already in use. Stop the process that uses it, or choose another port.`,
        );
      }
      await delay(POLL_MS);
    }
  }

  private prepareLog(): { logFile: string; logOffset: number } {
    const folder = `${this.plan.directory}/logs`;
    mkdirSync(folder, { recursive: true });
    const logFile = `${folder}/${this.plan.name}.log`;
    if (existsSync(logFile) && statSync(logFile).size > LOG_BYTES_MAX) rmSync(logFile);
    return { logFile, logOffset: existsSync(logFile) ? statSync(logFile).size : 0 };
  }

  private spawn(logFile: string): void {
    const { name, directory, command, args, cwd, environment, user } = this.plan;
    const log = openSync(logFile, "a");
    // A separate group, because Ctrl-C must reach only the parent, which ends its parts in its own order.
    const env = { ...process.env, ...environment };
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", log, log], ...user });
    closeSync(log);
    child.unref();
    this.child = child;
    this.exited = new Promise((resolve) => {
      const onEnd = () => {
        const wasUp = this.isUp;
        this.child = undefined;
        this.isUp = false;
        removeProcessRecord(directory, name);
        resolve();
        if (wasUp && !this.stopped) this.unexpectedEnd();
      };
      child.once("exit", onEnd);
      child.once("error", onEnd);
    });
    if (child.pid !== undefined) writeProcessRecord(directory, name, child.pid);
    trackChild(child);
  }

  private failure(what: string, logFile: string): TriplineError {
    return new TriplineError(
      "internal",
      `${this.plan.title} ${what}. Its log is ${logFile}; its last lines:\n${tailOf(logFile)}`,
    );
  }
}
