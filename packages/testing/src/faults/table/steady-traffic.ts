import { setTimeout as delay } from "node:timers/promises";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { SendResult, TriplineClient } from "@tripline/system/client/tripline-client";

const WAIT_SECONDS = 5;
const RETRY_MS = 200;
/** A payment that is refused for longer than this counts as lost. */
const GIVE_UP_MS = 180_000;
/** New payments wait while this many payments have no response. */
const OPEN_MAX = 2_000;
/** Statuses after which a caller retries: 429 and 503 have `Retry-After`; for 401, the caller first replaces its token. */
const RETRYABLE = new Set([401, 429, 503]);

/** The first response to a payment, from best to worst. `error` is a refusal that does not tell the caller to retry. */
export const ANSWERS = ["model", "fallback", "pending", "refused", "error"] as const;
export type Answer = (typeof ANSWERS)[number];

interface Sent {
  readonly sentMs: number;
  readonly answer: Answer;
  /** Why a payment was refused: the API's error code, or `no-response`. */
  readonly code?: string;
}

/** Sends single payments at a constant rate, and retries refused ones until they are accepted, as a shop would. */
export class SteadyTraffic {
  /** Ids (`txn_…`) of accepted payments. */
  readonly accepted = new Set<string>();
  /** Payments that were refused for three minutes. */
  abandoned = 0;
  readonly #open = new Set<Promise<void>>();
  readonly #sent: Sent[] = [];
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(
    private readonly client: Pick<TriplineClient, "send">,
    private readonly payments: Iterator<KnownPayment>,
    perSecond: number,
  ) {
    this.#running = this.#run(1_000 / perSecond);
  }

  /** The first responses to payments sent since a time of `performance.now()`. */
  since(startMs: number): readonly Sent[] {
    return this.#sent.filter(({ sentMs }) => sentMs >= startMs);
  }

  /** Stops sending, and waits until every payment has been accepted or abandoned. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    await Promise.all(this.#open);
  }

  async #run(intervalMs: number): Promise<void> {
    let nextMs = performance.now();
    while (!this.#isOver) {
      nextMs = Math.max(nextMs + intervalMs, performance.now() - 1_000);
      await delay(Math.max(0, nextMs - performance.now()));
      const next = this.payments.next();
      if (next.done === true) throw new Error("The simulation has no more payments.");
      if (this.#open.size < OPEN_MAX) this.#track(this.#send(next.value));
    }
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#open.delete(tracked));
    this.#open.add(tracked);
  }

  async #send(payment: KnownPayment): Promise<void> {
    const sentMs = performance.now();
    for (let isFirst = true; performance.now() - sentMs < GIVE_UP_MS; isFirst = false) {
      const result = await this.#attempt(payment);
      if (isFirst) this.#sent.push({ sentMs, ...answerOf(result) });
      if (result?.id !== undefined) {
        this.accepted.add(result.id);
        return;
      }
      await delay(RETRY_MS);
    }
    this.abandoned += 1;
  }

  /** @returns undefined if there was no response */
  async #attempt(payment: KnownPayment): Promise<SendResult | undefined> {
    try {
      return await this.client.send(payment, WAIT_SECONDS);
    } catch {
      return undefined;
    }
  }
}

function answerOf(result: SendResult | undefined): Omit<Sent, "sentMs"> {
  if (result === undefined) return { answer: "refused", code: "no-response" };
  if (result.id === undefined) {
    return { answer: RETRYABLE.has(result.status) ? "refused" : "error", code: result.code ?? String(result.status) };
  }
  if (result.decision === undefined) return { answer: "pending" };
  return { answer: result.decision.fallback_level === "model" ? "model" : "fallback" };
}
