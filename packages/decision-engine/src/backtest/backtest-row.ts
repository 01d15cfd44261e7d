import { currencyDecimals } from "@tripline/contracts/currency";
import type { Outcome, SkippedRule, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";

/** What a payment is grouped by to see whom a rule hits. Another property of payments is one more row here. */
export const SEGMENTS = {
  currency: ({ currency }) => currency,
  amount: ({ amountMinor, currency }) => amountBand(amountMinor, currency),
  hour: ({ occurredAtMs }) => `${new Date(occurredAtMs).toISOString().slice(11, 13)} h UTC`,
  terminal: ({ terminalId }) => terminalId,
  tenant: ({ tenant }) => tenant,
} as const satisfies Readonly<Record<string, (transaction: Transaction) => string>>;

export const SEGMENT_NAMES = Object.keys(SEGMENTS) as readonly (keyof typeof SEGMENTS)[];

/** An archived payment, decided again by a draft. Plain data, so that a thread can hand it over. */
export interface BacktestRow {
  readonly transactionId: string;
  readonly cardToken: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  /** In the order of `SEGMENT_NAMES`. */
  readonly segments: readonly string[];
  /** Undefined where no label has arrived. */
  readonly isFraud: boolean | undefined;
  readonly decided: Outcome;
  readonly drafted: Outcome;
  /** Ids of the rules and bands of the draft that hit it. */
  readonly hits: readonly string[];
  /** Those of them that do not decide: in shadow, or live for other cards. */
  readonly shadowHits: readonly string[];
  /** Rules that ended without a result, and the code of why, as on a decision. */
  readonly rulesSkipped: readonly Pick<SkippedRule, "ruleId" | "why">[];
  /** The draft's reasons in words. */
  readonly sentences: readonly string[];
  /** Why the draft could not be evaluated, where that is the draft's fault; otherwise empty. */
  readonly failure: string;
}

export function segmentsOf(transaction: Transaction): string[] {
  return SEGMENT_NAMES.map((name) => SEGMENTS[name](transaction));
}

/** Within a power of ten of major units, such as `100 to 999 EUR`. */
function amountBand(amountMinor: number, currency: string): string {
  const major = Math.trunc(Math.abs(amountMinor) / 10 ** currencyDecimals(currency));
  const exponent = String(major).length - 1;
  const low = exponent === 0 ? 0 : 10 ** exponent;
  return `${low.toLocaleString("en")} to ${(10 ** (exponent + 1) - 1).toLocaleString("en")} ${currency}`;
}
