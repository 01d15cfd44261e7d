import { currencyDecimals } from "@tripline/contracts/currency";
import type { Outcome, SkippedRule, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";

/** Properties by which payments are grouped to show whom a rule hits. To add a property, add a row. */
export const SEGMENTS = {
  currency: ({ currency }) => currency,
  amount: ({ amountMinor, currency }) => amountBand(amountMinor, currency),
  hour: ({ occurredAtMs }) => `${new Date(occurredAtMs).toISOString().slice(11, 13)} h UTC`,
  terminal: ({ terminalId }) => terminalId || "no terminal",
  tenant: ({ tenant }) => tenant,
} as const satisfies Readonly<Record<string, (transaction: Transaction) => string>>;

export const SEGMENT_NAMES = Object.keys(SEGMENTS) as readonly (keyof typeof SEGMENTS)[];

/** An archived payment, decided again by a draft. Plain data, so that threads can transfer it. */
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
  readonly decided: Outcome;
  readonly drafted: Outcome;
  /** Ids of the draft's rules and bands that hit it. */
  readonly hits: readonly string[];
  /** Hits that do not decide: shadow rules, or rules that are live for other cards. */
  readonly shadowHits: readonly string[];
  /** Rules without a result, and the code of the reason, as in a decision. */
  readonly rulesSkipped: readonly Pick<SkippedRule, "ruleId" | "why">[];
  /** The sentences of the draft's reasons. */
  readonly sentences: readonly string[];
  /** Why the draft could not be evaluated, if the draft is at fault; otherwise empty. */
  readonly failure: string;
}

export function segmentsOf(transaction: Transaction): string[] {
  return SEGMENT_NAMES.map((name) => SEGMENTS[name](transaction));
}

/** A range of one power of ten in major units, such as `100 to 999 EUR`. */
function amountBand(amountMinor: number, currency: string): string {
  const major = Math.trunc(Math.abs(amountMinor) / 10 ** currencyDecimals(currency));
  const exponent = String(major).length - 1;
  const low = exponent === 0 ? 0 : 10 ** exponent;
  return `${low.toLocaleString("en")} to ${(10 ** (exponent + 1) - 1).toLocaleString("en")} ${currency}`;
}
