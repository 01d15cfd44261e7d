import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { removeProcessRecord, writeProcessRecord } from "@tripline/local-stack/processes/end-leftovers";
import { patient } from "@tripline/local-stack/processes/patient";
import { programFile } from "../../programs.mjs";
import { ROOT } from "./workspace.js";

export interface ServicePlan {
  readonly name: string;
  readonly url: string;
  /** The compiled program, relative to the repository. Default: the service of this name. */
  readonly program?: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether it runs at low priority, because no caller waits for it. */
  readonly isBackground?: boolean;
}

/** Five programs start at the same time, which takes longer on a busy machine. */
const READY_TIMEOUT_MS = 90_000;
const READY_POLL_MS = 50;
const STOP_TIMEOUT_MS = 15_000;
/** Maximum number of consecutive restarts. */
const RESTARTS_MAX = 20;
/** A process that ran for longer did not fail at its start. */
const STABLE_MS = 5_000;
const RESTART_DELAY_MS = 200;
const EXIT_CONFIG = 78;
const LOG_TAIL_LINES = 5;

/** Counts how many processes in a row ended soon after they started. */
export class RestartLimit {
  private inARow = 0;

  /** Whether a process that ran for this long may be restarted. */
  allows(ranMs: number): boolean {
    this.inARow = ranMs < STABLE_MS ? this.inARow + 1 : 0;
    return this.inARow <= RESTARTS_MAX;
  }

  reset(): void {
    this.inARow = 0;
  }
}

/**
 * One service as a local process. Like an orchestrator, it restarts a service that has died, unless the service's
 * configuration is invalid. The service monitors its standard input and shuts down when this process ends. If the
 * service hangs and keeps its port, the next system finds its record and ends it.
 */
export class ServiceProcess {
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  private stopping = false;
  private isRestarting = false;
  private readonly restarts = new RestartLimit();
  private readonly logFile: string;

  /** @param records folder for the process record. Default: no record */
  constructor(
    readonly plan: ServicePlan,
    logs: string,
    private readonly records?: string,
  ) {
    mkdirSync(logs, { recursive: true });
    this.logFile = join(logs, `${plan.name}.log`);
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  start(): void {
    const log = openSync(this.logFile, "a");
    const { program } = this.plan;
    const entry = program === undefined ? programFile(ROOT, this.plan.name) : join(ROOT, program);
    const child = spawn(process.execPath, ["--enable-source-maps", entry], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        EXIT_WITH_PARENT: "1",
        // Node's compile cache, for faster starts.
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        ...telemetryVariables(),
        ...this.plan.environment,
      },
      stdio: ["pipe", log, log],
    });
    closeSync(log);
    if (this.plan.isBackground === true && child.pid !== undefined) {
      setPriority(child.pid, constants.priority.PRIORITY_LOW);
    }
    this.child = child;
    this.isRestarting = false;
    const startedMs = performance.now();
    const { records, plan } = this;
    if (records !== undefined && child.pid !== undefined) writeProcessRecord(records, plan.name, child.pid);
    this.exited = new Promise((resolve) => {
      child.once("exit", (code) => {
        if (records !== undefined) removeProcessRecord(records, plan.name);
        resolve();
        this.child = undefined;
        if (!this.stopping && code !== EXIT_CONFIG) void this.startAgain(performance.now() - startedMs);
      });
    });
  }

  /** @throws Error in one sentence, with the end of the log, if the service is not ready in time */
  async ready(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    const startedMs = Date.now();
    while (Date.now() - startedMs < patient(timeoutMs)) {
      if (await isReady(this.plan.url)) return;
      if (this.child === undefined && !this.isRestarting) break;
      await delay(READY_POLL_MS);
    }
    throw new Error(`${this.plan.name} did not become ready. Its log ${this.logFile} ends with:\n${this.logTail()}`);
  }

  /** SIGKILL, as in a crash; the service is then restarted. */
  kill(): void {
    this.child?.kill("SIGKILL");
  }

  /** Shuts the service down cleanly and restarts it, for example with new code. */
  restart(): void {
    this.restarts.reset();
    this.child?.kill("SIGTERM");
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (child === undefined) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
  }

  private async startAgain(ranMs: number): Promise<void> {
    if (!this.restarts.allows(ranMs)) {
      const { name } = this.plan;
      process.stderr.write(
        `${name} has failed ${RESTARTS_MAX} restarts in a row and stays down; see ${this.logFile}.\n`,
      );
      return;
    }
    this.isRestarting = true;
    await delay(RESTART_DELAY_MS);
    if (!this.stopping) this.start();
  }

  private logTail(): string {
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  }
}

/** Destination of spans, and OpenTelemetry's own settings. Each service has its own name. */
function telemetryVariables(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter((name) => name.startsWith("OTEL_") && name !== "OTEL_SERVICE_NAME");
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(patient(2_000)) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
