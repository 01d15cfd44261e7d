import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";
import { MessageChannel } from "node:worker_threads";
import { TriplineError } from "@tripline/contracts/error-table";
import type { LabelSurvey } from "@tripline/decision-engine/backtest/label-survey";
import type { Logger } from "@tripline/telemetry/logger";
import { counter, gauge } from "@tripline/telemetry/metrics";
import { Tinypool } from "tinypool";
import { z } from "zod";
import type { CheckedPolicy, PolicyOutline } from "./check-policy.js";
import { FairQueue } from "./fair-queue.js";
import type { Backtest, DecidedPayment, PolicyAnswer, PolicyResult, PolicyTask } from "./policy-thread.js";

/**
 * Number of threads. One tenant uses at most one thread. Threads start when the first text arrives, and end when they
 * are idle.
 */
const THREADS = 2;
const IDLE_MS_MAX = 60_000;
/** How long a text may wait for a thread. */
const WAIT_MS_MAX = 30_000;
/** How long a thread may take to start on an overloaded machine. */
const START_MS_MAX = 60_000;
const YOUNG_MIB_MAX = 16;
const MS_PER_S = 1_000;

const READY: PolicyTask = { kind: "ready" };
/** A backtest decides many pages, so its deadline is this multiple of the deadline of a check. */
const BACKTEST_DEADLINES = 12;

/** Variables of a service with a `PolicyWorker`. */
export const policyWorkerConfig = {
  POLICY_CHECK_SECONDS: z.coerce.number().int().min(1).max(120).default(20).meta({
    unit: "s",
    description:
      "Time limit for a policy check; a backtest may take 12 times as long. When it is exceeded, the thread is terminated.",
  }),
  POLICY_CHECK_MB: z.coerce.number().int().min(32).max(2_048).default(128).meta({
    unit: "MB",
    description: "Memory limit for checking a policy. Up to two policies are checked at a time.",
  }),
};

export type PolicyWorkerConfig = Readonly<z.infer<z.ZodObject<typeof policyWorkerConfig>>>;

/**
 * Processes users' policy texts in threads with a deadline and a memory limit, so that no text can block the service.
 */
export class PolicyWorker {
  readonly #queue = new FairQueue(THREADS, WAIT_MS_MAX);
  readonly #pool: Tinypool;
  readonly #deadlineMs: number;
  readonly #stopMetrics: () => void;
  #isClosing = false;
  readonly #done = counter("tripline_policy_checks_total", {
    description: "Policy checks and backtests, by result: done, too-slow, too-large, busy or failed",
    labels: ["result"],
  });

  /** @param body file of the thread body */
  constructor(
    { POLICY_CHECK_SECONDS: seconds, POLICY_CHECK_MB: heapMb }: PolicyWorkerConfig,
    logger: Pick<Logger, "error">,
    body = new URL("./policy-thread.js", import.meta.url),
  ) {
    this.#deadlineMs = seconds * MS_PER_S;
    this.#pool = new Tinypool({
      filename: fileURLToPath(body),
      minThreads: 0,
      maxThreads: THREADS,
      idleTimeout: IDLE_MS_MAX,
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_MIB_MAX },
    });
    this.#pool.on("error", (err: Error) => logger.error({ err }, "a policy thread failed"));
    this.#stopMetrics = gauge(
      "tripline_policy_checks_waiting",
      { description: "Policy checks and backtests waiting for a thread" },
      () => this.#queue.waiting,
    );
  }

  /** For the readiness report; undefined if no text is waiting. */
  get note(): string | undefined {
    const { waiting } = this.#queue;
    return waiting === 0 ? undefined : `policies waiting for a thread: ${waiting}`;
  }

  /**
   * @throws TriplineError `invalid-field` with the position of each fault, `policy-too-slow`, `policy-too-large`,
   *   `policy-checks-busy`, `shutting-down`
   */
  check(tenant: string, text: string): Promise<CheckedPolicy> {
    return this.#run(tenant, { kind: "check", text });
  }

  /** Same, but without running the examples. @throws TriplineError like `check` */
  outline(tenant: string, text: string): Promise<PolicyOutline> {
    return this.#run(tenant, { kind: "outline", text });
  }

  /** For a stored text, even if its rules exceed this release's cost limits. @throws TriplineError like `check` */
  storedOutline(tenant: string, text: string): Promise<PolicyOutline> {
    return this.#run(tenant, { kind: "stored-outline", text });
  }

  /**
   * Replays payments with a policy text. It may take `BACKTEST_DEADLINES` times as long as a check.
   *
   * @param pages newest payments first; each page is read once the previous one is decided
   * @returns the number of payments of each page, as soon as the page is decided
   * @throws TriplineError like `check`
   */
  async *backtest(
    tenant: string,
    text: string,
    labels: LabelSurvey,
    pages: AsyncIterable<readonly DecidedPayment[]>,
  ): AsyncGenerator<number, Backtest> {
    const { port1: ours, port2: port } = new MessageChannel();
    const task: PolicyTask = { kind: "backtest", text, labels, port };
    const deadlineMs = this.#deadlineMs * BACKTEST_DEADLINES;
    const tried = this.#run<Backtest>(tenant, task, { deadlineMs, transferList: [port] });
    // `tried` may reject while a page is being read.
    tried.catch(() => undefined);
    try {
      for await (const page of pages) {
        const decided = once(ours, "message");
        ours.postMessage(page);
        await Promise.race([decided, tried]);
        yield page.length;
      }
      ours.postMessage(null);
      return await tried;
    } finally {
      // Ends the task if its caller has stopped waiting.
      ours.close();
    }
  }

  /** Ends running tasks. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#stopMetrics();
    await this.#pool.destroy();
  }

  #run<Answer extends PolicyAnswer>(
    tenant: string,
    task: PolicyTask,
    { deadlineMs = this.#deadlineMs, transferList = [] as readonly MessagePort[] } = {},
  ): Promise<Answer> {
    const run = async (): Promise<Answer> => {
      if (this.#isClosing) throw this.#failure(undefined, 0);
      let signal = AbortSignal.timeout(START_MS_MAX);
      let result: PolicyResult<Answer>;
      try {
        // The deadline starts once the thread runs.
        await this.#pool.run(READY, { signal });
        signal = AbortSignal.timeout(deadlineMs);
        result = await this.#pool.run(task, { signal, transferList: [...transferList] });
      } catch (cause) {
        throw this.#failure(cause, signal.aborted ? deadlineMs : 0);
      }
      this.#done.inc({ result: "done" });
      if ("answer" in result) return result.answer;
      const { code, message, fields } = result.failed;
      throw new TriplineError(code, message, fields);
    };
    return this.#queue.run(tenant, run, () => this.#done.inc({ result: "busy" }));
  }

  /** @param lateAfterMs 0 unless the deadline passed */
  #failure(cause: unknown, lateAfterMs: number): TriplineError {
    if (this.#isClosing) return new TriplineError("shutting-down", "This instance is shutting down.", [], { cause });
    const isTooLarge = codeOf(cause) === "ERR_WORKER_OUT_OF_MEMORY";
    this.#done.inc({ result: lateAfterMs > 0 ? "too-slow" : isTooLarge ? "too-large" : "failed" });
    if (lateAfterMs > 0) {
      const seconds = lateAfterMs / MS_PER_S;
      return new TriplineError(
        "policy-too-slow",
        `The policy takes longer than ${seconds} s to check. Simplify its expressions.`,
      );
    }
    if (isTooLarge)
      return new TriplineError(
        "policy-too-large",
        "The policy requires too much memory. Shorten it, or simplify its expressions.",
      );
    return new TriplineError("internal", "The policy could not be checked.", [], { cause });
  }
}

function codeOf(cause: unknown): unknown {
  return typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
}
