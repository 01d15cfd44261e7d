import type { Progress, ProgressListener } from "@tripline/backfill/progress";
import { z } from "zod";

export interface Step {
  readonly name: string;
  readonly durationMs: number;
}

/** Steps that took place before this program started: installing and building. */
export function bootstrapSteps(): Step[] {
  const text = process.env.TRIPLINE_BOOTSTRAP_STEPS;
  return text === undefined ? [] : bootstrapStep.array().parse(JSON.parse(text));
}

/** When the command was entered, in ms since the epoch. */
export function startedAtMs(): number {
  return Number(process.env.TRIPLINE_STARTED_AT_MS ?? Date.now() - performance.now());
}

const bootstrapStep = z.object({ name: z.string(), durationMs: z.number() });

const BAR_AFTER_MS = 2_000;

const BAR_WIDTH = 30;

const REDRAW_MS = 100;

/** Ctrl-C was pressed before everything was running. */
export class Interrupted extends Error {
  constructor() {
    super("Interrupted during startup. Everything that was started has been stopped.");
  }
}

/**
 * Prints one line per step with its duration, and a progress bar for steps that take more than two seconds. These are
 * printed to standard error, because standard output is for the command's result.
 */
export class StepLog {
  private readonly finished: Step[];

  constructor(
    private readonly out: NodeJS.WriteStream = process.stderr,
    before: readonly Step[] = [],
    /** After this signal fires, no further step starts. */
    private readonly signal?: AbortSignal,
  ) {
    this.finished = [...before];
  }

  get steps(): readonly Step[] {
    return this.finished;
  }

  async run<T>(name: string, work: (progress: ProgressListener) => Promise<T> | T): Promise<T> {
    this.check();
    return this.finish(name, work);
  }

  /** Call this in the middle of a long step. @throws Interrupted once the signal has fired */
  check(): void {
    if (this.signal?.aborted) throw new Interrupted();
  }

  /** Like `run`, but also runs after an interruption; for cleanup. */
  async finish<T>(name: string, work: (progress: ProgressListener) => Promise<T> | T): Promise<T> {
    const startedAt = performance.now();
    let drawnAt = 0;
    const ticker = this.out.isTTY ? setInterval(() => this.draw(name, startedAt), REDRAW_MS) : undefined;
    const listen: ProgressListener = (progress) => {
      const now = performance.now();
      if (!this.out.isTTY || now - startedAt < BAR_AFTER_MS || now - drawnAt < REDRAW_MS) return;
      drawnAt = now;
      clearInterval(ticker);
      this.draw(name, startedAt, progress);
    };
    try {
      const result = await work(listen);
      this.note(name, performance.now() - startedAt);
      return result;
    } finally {
      clearInterval(ticker);
    }
  }

  /** A step that was timed elsewhere. */
  note(name: string, durationMs: number): void {
    this.finished.push({ name, durationMs });
    const clear = this.out.isTTY ? "\r\x1b[2K" : "";
    this.out.write(`${clear}  ✓ ${name.padEnd(44)} ${seconds(durationMs)}\n`);
  }

  private draw(name: string, startedAt: number, progress?: Progress): void {
    const elapsed = performance.now() - startedAt;
    const bar = elapsed < BAR_AFTER_MS ? "" : ` ${barOf(progress, elapsed)}`;
    this.out.write(`\r\x1b[2K  … ${name.padEnd(44)} ${seconds(elapsed)}${bar}`);
  }
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1).padStart(6)} s`;
}

/** A filled bar if the total is known; otherwise, a moving bar. */
function barOf(progress: Progress | undefined, elapsedMs: number): string {
  if (progress === undefined || progress.total <= 0) {
    const at = Math.floor(elapsedMs / REDRAW_MS) % BAR_WIDTH;
    return `[${" ".repeat(at)}=${" ".repeat(BAR_WIDTH - at - 1)}]`;
  }
  const share = Math.min(1, progress.done / progress.total);
  const filled = Math.round(share * BAR_WIDTH);
  return `[${"=".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}] ${Math.round(share * 100)} %`;
}
