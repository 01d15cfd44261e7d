import { fileURLToPath } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import type { BacktestRow } from "@tripline/decision-engine/backtest/backtest-row";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { counter, gauge } from "@tripline/service-kit/telemetry/metrics";
import { Tinypool } from "tinypool";
import { z } from "zod";
import type { CheckedPolicy, PolicyOutline } from "./check-policy.js";
import { FairQueue } from "./fair-queue.js";
import type { DecidedPayment, PolicyAnswers, PolicyResult, PolicyTask } from "./policy-thread.js";

/** One tenant holds one of them at most. They start with the first text and end when nobody needs them. */
const THREADS = 2;
const IDLE_MS_MAX = 60_000;
/** How long a text may wait for a thread. */
const WAIT_MS_MAX = 30_000;
/** How long a thread may take to start, on a machine that has too much to do. */
const START_MS_MAX = 60_000;
const YOUNG_MIB_MAX = 16;
const MS_PER_S = 1_000;

const READY: PolicyTask = { kind: "ready", text: "" };

/** Variables of a service that has a `PolicyWorker`. */
export const policyWorkerConfig = {
  POLICY_CHECK_SECONDS: z.coerce.number().int().min(1).max(120).default(10).meta({
    unit: "s",
    description:
      "How long checking a policy, or deciding one page of a backtest by it, may take. After it the thread is ended.",
  }),
  POLICY_CHECK_MB: z.coerce.number().int().min(32).max(2_048).default(128).meta({
    unit: "MB",
    description: "The memory that checking a policy may take. Up to two policies are checked at a time.",
  }),
};

export type PolicyWorkerConfig = Readonly<z.infer<z.ZodObject<typeof policyWorkerConfig>>>;

/**
 * Does whatever a user's policy text is needed for, in threads with a deadline and a memory limit: the service goes on answering
 * whatever the text is.
 */
export class PolicyWorker {
  readonly #queue = new FairQueue(THREADS, WAIT_MS_MAX);
  readonly #pool: Tinypool;
  readonly #deadlineMs: number;
  readonly #stopMetrics: () => void;
  #isClosing = false;
  readonly #done = counter("tripline_policy_checks_total", {
    description: "Policy texts that a thread checked or decided by, by result: done, too-slow, too-large or failed",
    labels: ["result"],
  });

  /** @param body of the threads */
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
    this.#pool.on("error", (err: Error) => logger.error({ err }, "a thread for policies failed"));
    this.#stopMetrics = gauge(
      "tripline_policy_checks_waiting",
      { description: "Policy texts that wait for a thread" },
      () => this.#queue.waiting,
    );
  }

  /**
   * @throws TriplineError `invalid-field` with the place of each fault, `policy-too-slow`, `policy-too-large`, `policy-checks-busy`,
   * `shutting-down`
   */
  check(tenant: string, text: string): Promise<CheckedPolicy> {
    return this.#run(tenant, { kind: "check", text });
  }

  /** Without running the examples. @throws TriplineError as `check` does */
  outline(tenant: string, text: string): Promise<PolicyOutline> {
    return this.#run(tenant, { kind: "outline", text });
  }

  /**
   * Decides payments again by a text.
   *
   * @returns in the order of the payments; undefined where one cannot be decided again
   * @throws TriplineError as `check` does
   */
  decide(
    tenant: string,
    text: string,
    payments: readonly DecidedPayment[],
  ): Promise<readonly (BacktestRow | undefined)[]> {
    return this.#run(tenant, { kind: "decide", text, payments });
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#stopMetrics();
    await this.#pool.destroy();
  }

  #run<Kind extends keyof PolicyAnswers>(
    tenant: string,
    task: PolicyTask & { readonly kind: Kind },
  ): Promise<PolicyAnswers[Kind]> {
    return this.#queue.run(tenant, async () => {
      if (this.#isClosing) throw this.#failure(undefined, false);
      let signal = AbortSignal.timeout(START_MS_MAX);
      let result: PolicyResult<PolicyAnswers[Kind]>;
      try {
        // The deadline begins where the thread runs.
        await this.#pool.run(READY, { signal });
        signal = AbortSignal.timeout(this.#deadlineMs);
        result = await this.#pool.run(task, { signal });
      } catch (cause) {
        throw this.#failure(cause, signal.aborted);
      }
      this.#done.inc({ result: "done" });
      if ("answer" in result) return result.answer;
      const { code, message, fields } = result.failed;
      throw new TriplineError(code, message, fields);
    });
  }

  #failure(cause: unknown, isLate: boolean): TriplineError {
    if (this.#isClosing) return new TriplineError("shutting-down", "This instance is shutting down.", [], { cause });
    const isTooLarge = codeOf(cause) === "ERR_WORKER_OUT_OF_MEMORY";
    this.#done.inc({ result: isLate ? "too-slow" : isTooLarge ? "too-large" : "failed" });
    if (isLate) {
      const seconds = this.#deadlineMs / MS_PER_S;
      return new TriplineError(
        "policy-too-slow",
        `The policy takes longer than ${seconds} s. Simplify its expressions.`,
      );
    }
    if (isTooLarge)
      return new TriplineError(
        "policy-too-large",
        "The policy needs too much memory. Shorten it, or simplify its expressions.",
      );
    return new TriplineError("internal", "The policy could not be checked.", [], { cause });
  }
}

function codeOf(cause: unknown): unknown {
  return typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
}
