import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { withLuhnDigit } from "@tripline/contracts/identifiers";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { ApiDecision, TriplineClient } from "@tripline/system/client/tripline-client";

const CARDS = 20_000;
const TERMINALS = 500;
const TICK_MS = 250;
const WAIT_SECONDS = 10;
/** The maximum amount; amounts are distributed uniformly. */
export const LIVE_AMOUNT_MINOR_MAX = 8_000;
/** Number of concurrent requests. If decisions become slow, fewer requests are sent. */
const UNDER_WAY_MAX = 8;

/** Sends payments of many cards until it is stopped. Every payment must be decided. */
export class LiveTraffic {
  readonly #cards = Array.from({ length: CARDS }, () =>
    withLuhnDigit(`400000${String(randomInt(1e9)).padStart(9, "0")}`),
  );
  readonly #terminals = Array.from({ length: TERMINALS }, () => `t-${randomUUID().slice(0, 8)}`);
  readonly #decisions: ApiDecision[] = [];
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;

  /** @param perSecond payments per second */
  constructor(
    private readonly client: Pick<TriplineClient, "decideAll">,
    perSecond: number,
  ) {
    this.#running = this.#run(Math.ceil((perSecond * TICK_MS) / 1_000));
    // `stop` reports its failure.
    this.#running.catch(() => undefined);
  }

  /** @returns the decisions @throws Error in one sentence if a payment was not decided */
  async stop(): Promise<readonly ApiDecision[]> {
    this.#ending.abort();
    await this.#running;
    return this.#decisions;
  }

  async #run(perTick: number): Promise<void> {
    const underWay = new Set<Promise<void>>();
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const sent = this.#send(perTick);
      underWay.add(sent);
      sent.finally(() => underWay.delete(sent)).catch(() => undefined);
      if (underWay.size >= UNDER_WAY_MAX) await Promise.race(underWay);
      // Only the abort rejects here, and it ends the loop.
      await delay(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(underWay);
  }

  async #send(count: number): Promise<void> {
    const payments = Array.from({ length: count }, () => this.#payment());
    for (const decision of await this.client.decideAll(payments, WAIT_SECONDS)) this.#decisions.push(decision);
  }

  #payment(): KnownPayment {
    return {
      clientTransactionId: `journey-${randomUUID()}`,
      cardNumber: this.#cards[randomInt(CARDS)] ?? "",
      terminalId: this.#terminals[randomInt(TERMINALS)] ?? "",
      amountMinor: randomInt(100, LIVE_AMOUNT_MINOR_MAX),
      currency: "EUR",
      occurredAtMs: Date.now(),
      fraud: false,
      labelledAtMs: null,
    };
  }
}
