import { currencyDecimals } from "@tripline/contracts/currency";
import type { Outcome, SkippedRule, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";

/** Properties by which payments are grouped to show whom a rule affects. To add a property, add a row. */
export const SEGMENTS = {
  currency: ({ currency }) => currency,
  amount: ({ amountMinor, currency }) => amountBand(amountMinor, currency),
  hour: ({ occurredAtMs }) => `${new Date(occurredAtMs).toISOString().slice(11, 13)} h UTC`,
  terminal: ({ terminalId }) => terminalId || "no terminal",
  tenant: ({ tenant }) => tenant,
} as const satisfies Readonly<Record<string, (transaction: Transaction) => string>>;

export const SEGMENT_NAMES = Object.keys(SEGMENTS) as readonly (keyof typeof SEGMENTS)[];

/** An archived payment with the draft's decision on it. Plain data, so that it can be passed between threads. */
export interface BacktestRow {
  readonly transactionId: string;
  readonly cardToken: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  /** In the order of `SEGMENT_NAMES`. */
  readonly segments: readonly string[];
  /** Undefined if no label has arrived. */
  readonly isFraud: boolean | undefined;
  /** Whether the issuer declined the payment, or the customer abandoned it. */
  readonly isNotPaid?: boolean;
  /** Before exploration, like `drafted`. */
  readonly decided: Outcome;
  readonly drafted: Outcome;
  /** Ids of the draft's rules and bands that hit the payment. */
  readonly hits: readonly string[];
  /** Hits that do not affect the decision: those of shadow rules, and of rules that are live only for other cards. */
  readonly shadowHits: readonly string[];
  /** Rules without a result, each with the code of the reason, as in a decision. */
  readonly rulesSkipped: readonly Pick<SkippedRule, "ruleId" | "why">[];
  /** The sentences of the draft's reasons. */
  readonly sentences: readonly string[];
  /** Why the draft could not be evaluated, if the fault is in the draft; otherwise empty. */
  readonly failure: string;
  /** For a payment that the archived decision explored: 1 / its probability. */
  readonly exploredWeight?: number;
  /** For a decline that the draft may explore. */
  readonly explorable?: Explorable;
}

export interface Explorable {
  /** Probability with which the draft would approve it. */
  readonly probability: number;
  readonly score: number;
  /** The highest amount that the draft explores per tenant and day, in minor units. */
  readonly dailyLossMinorMax: number;
}

export function segmentsOf(transaction: Transaction): string[] {
  return SEGMENT_NAMES.map((name) => SEGMENTS[name](transaction));
}

/** A range that spans one power of ten in major units, such as `100 to 999 EUR`. */
function amountBand(amountMinor: number, currency: string): string {
  const major = Math.trunc(Math.abs(amountMinor) / 10 ** currencyDecimals(currency));
  const exponent = String(major).length - 1;
  const low = exponent === 0 ? 0 : 10 ** exponent;
  return `${low.toLocaleString("en")} to ${(10 ** (exponent + 1) - 1).toLocaleString("en")} ${currency}`;
}
