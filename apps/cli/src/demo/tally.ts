import { STATES_LOST } from "@tripline/contracts/degraded-reasons";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { ApiDecision, SendResult } from "@tripline/system/client/tripline-client";

export const OUTCOMES = ["approve", "challenge", "review", "decline"] as const;
export type OutcomeName = (typeof OUTCOMES)[number];

export interface DeclinedPayment {
  readonly payment: KnownPayment;
  readonly decision: ApiDecision;
}

export interface Quality {
  readonly precision: number;
  readonly recall: number;
}

export const LATENCIES_KEPT = 8_192;
const DECLINED_KEPT = 4;

/** Counts requests and responses. Memory use stays bounded, however long it runs. */
export class Tally {
  sent = 0;
  accepted = 0;
  decided = 0;
  pending = 0;
  degraded = 0;
  /** Whether window states were lost at the last decision. */
  areStatesLost = false;
  readonly refused = new Map<string, number>();
  readonly outcomes: Record<OutcomeName, number> = { approve: 0, challenge: 0, review: 0, decline: 0 };
  readonly lastDeclined: DeclinedPayment[] = [];
  private frauds = 0;
  private readonly fraudsBy: Record<OutcomeName, number> = { approve: 0, challenge: 0, review: 0, decline: 0 };
  private readonly latenciesMs = new Float64Array(LATENCIES_KEPT);
  private latencies = 0;

  /** One API response, and its latency. */
  answer(payment: KnownPayment, result: SendResult, latencyMs: number): void {
    this.sent += 1;
    if (result.status === 200 || result.status === 202) this.accepted += 1;
    else this.refused.set(result.code ?? "unknown", (this.refused.get(result.code ?? "unknown") ?? 0) + 1);
    if (result.status === 202) this.pending += 1;
    if (result.decision === undefined) return;
    this.latenciesMs[this.latencies % LATENCIES_KEPT] = latencyMs;
    this.latencies += 1;
    this.decision(payment, result.decision);
  }

  /** A request without a response. */
  failed(reason: string): void {
    this.sent += 1;
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  decision(payment: KnownPayment, decision: ApiDecision): void {
    this.decided += 1;
    this.outcomes[decision.outcome] += 1;
    if (decision.fallback_level !== "model") this.degraded += 1;
    this.areStatesLost = decision.degraded_because === STATES_LOST;
    if (payment.fraud) {
      this.frauds += 1;
      this.fraudsBy[decision.outcome] += 1;
    }
    if (decision.outcome !== "decline") return;
    this.lastDeclined.unshift({ payment, decision });
    this.lastDeclined.length = Math.min(this.lastDeclined.length, DECLINED_KEPT);
  }

  /** Latency quantiles in ms over the last `among` responses with a decision. */
  quantiles(among: number, ...fractions: number[]): number[] {
    const count = Math.min(this.latencies, LATENCIES_KEPT, among);
    const last = Float64Array.from(
      { length: count },
      (_value, back) => this.latenciesMs[(this.latencies - 1 - back) % LATENCIES_KEPT] ?? Number.NaN,
    ).sort();
    return fractions.map((fraction) => last[Math.min(count - 1, Math.floor(fraction * count))] ?? Number.NaN);
  }

  /**
   * Precision and recall: the share of fraud among payments with one of `outcomes`, and the share of all fraud that got
   * one of them.
   */
  quality(outcomes: readonly OutcomeName[]): Quality {
    let flagged = 0;
    let hits = 0;
    for (const outcome of outcomes) {
      flagged += this.outcomes[outcome];
      hits += this.fraudsBy[outcome];
    }
    return { precision: hits / flagged, recall: hits / this.frauds };
  }
}
