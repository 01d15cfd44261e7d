import type { KnownPayment } from "@tripline/system/client/payment";
import type { ApiDecision, TriplineClient } from "@tripline/system/client/tripline-client";

/** Number of concurrent requests in a burst, and payments in each. */
const REQUESTS = 4;
const PAYMENTS_PER_REQUEST = 50;
/** Number of payments of each burst whose labels are sent with the next burst. */
const LABELS = 20;
const WAIT_SECONDS = 25;

/**
 * Sends payments and labels in bursts, faster than the system can decide them, so that every service has work in
 * progress during a burst. Retries failed requests, as a shop would.
 */
export class BusyTraffic {
  /** By client transaction id: the first response of the API. */
  readonly decisions = new Map<string, ApiDecision>();
  readonly sent: KnownPayment[] = [];
  readonly #open = new Set<Promise<void>>();
  #labels: readonly KnownPayment[] = [];
  #failure: unknown;

  constructor(
    private readonly client: TriplineClient,
    private readonly source: Iterator<KnownPayment>,
  ) {}

  /** Number of requests that have no response yet. */
  get openRequests(): number {
    return this.#open.size;
  }

  /** Sends payments, and labels of the previous burst, without waiting for responses. */
  burst(): void {
    const labels = this.#labels;
    if (labels.length > 0) this.#track(this.client.applyLabels(labels, WAIT_SECONDS));
    for (let request = 0; request < REQUESTS; request += 1) {
      const payments = this.#take(PAYMENTS_PER_REQUEST);
      this.sent.push(...payments);
      this.#labels = payments.slice(0, LABELS);
      this.#track(
        this.client.decideAll(payments, WAIT_SECONDS).then((decisions) => {
          for (const [index, { clientTransactionId }] of payments.entries()) {
            const decision = decisions[index];
            if (decision !== undefined) this.decisions.set(clientTransactionId, decision);
          }
        }),
      );
    }
  }

  /** Waits until everything has been decided and applied. @throws the error of a request that failed permanently */
  async settle(): Promise<void> {
    await Promise.all(this.#open);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Sends every payment again.
   *
   * @param comparable the part of a decision that must not change; default: all of it
   * @param client a client of another instance; default: the client that sent the payments
   * @returns the client's ids of the payments whose decision changed, with both decisions
   */
  async retryAll(
    comparable: (decision: ApiDecision) => object = (decision) => decision,
    client = this.client,
  ): Promise<string[]> {
    const textOf = (decision: ApiDecision | undefined) => decision && JSON.stringify(comparable(decision));
    const changed: string[] = [];
    for (let from = 0; from < this.sent.length; from += REQUESTS * PAYMENTS_PER_REQUEST) {
      const payments = this.sent.slice(from, from + REQUESTS * PAYMENTS_PER_REQUEST);
      const again = await client.decideAll(payments, WAIT_SECONDS);
      for (const [index, { clientTransactionId: id }] of payments.entries()) {
        const [before, after] = [textOf(this.decisions.get(id)), textOf(again[index])];
        if (after !== before) changed.push(`${id}: ${before}, then ${after}`);
      }
    }
    return changed;
  }

  #take(count: number): KnownPayment[] {
    const payments: KnownPayment[] = [];
    while (payments.length < count) {
      const next = this.source.next();
      if (next.done === true) break;
      payments.push(next.value);
    }
    return payments;
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#open.delete(tracked));
    this.#open.add(tracked);
  }
}
