import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { SendResult, TriplineClient } from "@tripline/system/client/tripline-client";
import { newPayment } from "../first-payment.js";

const WAIT_SECONDS = 10;
const AMOUNT_MINOR_MAX = 8_000;
const PAUSE_MS = 50;

/**
 * Sends single payments on a few connections until it is stopped. It does not retry, so that every rejection is
 * visible.
 */
export class SingleTraffic {
  /** Ids of accepted payments. */
  readonly accepted = new Set<string>();
  /** Codes and counts of all other responses and failures. */
  readonly refusals = new Map<string, number>();
  readonly #ending = new AbortController();
  readonly #running: Promise<unknown>;

  /** @param client called for each payment */
  constructor(
    private readonly client: () => Pick<TriplineClient, "send">,
    connections: number,
  ) {
    this.#running = Promise.all(Array.from({ length: connections }, () => this.#run()));
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const refusal = await this.#send();
      if (refusal !== undefined) this.refusals.set(refusal, (this.refusals.get(refusal) ?? 0) + 1);
      // Only the abort rejects here, and it ends the loop.
      await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #send(): Promise<string | undefined> {
    let result: SendResult;
    try {
      result = await this.client().send(newPayment(randomInt(100, AMOUNT_MINOR_MAX)), WAIT_SECONDS);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    if (result.id === undefined) return result.code ?? String(result.status);
    this.accepted.add(result.id);
    return undefined;
  }
}
