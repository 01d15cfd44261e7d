import { currencyDecimals } from "@tripline/contracts/currency";
import type { CaseStory } from "../../contract/cases.js";

/** The parts of a payment that a story needs. */
export interface StoryPayment {
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  /** Empty if the payment has no terminal. */
  readonly terminalId: string;
}

interface PaymentRow {
  readonly amount_minor: number;
  readonly currency: string;
  readonly occurred_at_ms: number;
  readonly terminal_id: string;
}

export function toStoryPayment(row: PaymentRow): StoryPayment {
  const { amount_minor: amountMinor, currency, occurred_at_ms: occurredAtMs, terminal_id: terminalId } = row;
  return { amountMinor, currency, occurredAtMs, terminalId };
}

/** A story is about every payment of its case, so a case with more payments than this has no story. */
export const STORY_PAYMENTS_MAX = 100;

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/** A large payment is at least this many times as large as each small payment before it. */
const LARGE_TIMES = 10;
const SMALL_PAYMENTS_MIN = 3;
/** Card testers charge very small amounts: at most this many units of the currency, such as €5. */
const TEST_UNITS_MAX = 5;
const SAME_PAYMENTS_MIN = 3;
const BURST_PAYMENTS_MIN = 4;
const BURST_MS_MAX = 15 * MINUTE_MS;

/**
 * Finds the pattern of a case's payments: small payments before a large one, the same amount several times, or many
 * payments within minutes. Returns null if there is no such pattern. Does not compare amounts in different currencies.
 *
 * @param payments all payments of the case, in any order
 */
export function tellStory(payments: readonly StoryPayment[]): CaseStory | null {
  if (payments.length > STORY_PAYMENTS_MAX) return null;
  const sorted = payments.toSorted((left, right) => left.occurredAtMs - right.occurredAtMs);
  return smallThenLarge(sorted) ?? sameAmount(sorted) ?? burst(sorted);
}

const spanOf = (sorted: readonly StoryPayment[]): number =>
  (sorted.at(-1)?.occurredAtMs ?? 0) - (sorted[0]?.occurredAtMs ?? 0);

const currenciesOf = (sorted: readonly StoryPayment[]): number => new Set(sorted.map(({ currency }) => currency)).size;

function smallThenLarge(sorted: readonly StoryPayment[]): CaseStory | null {
  const amounts = sorted.map(({ amountMinor }) => amountMinor);
  const at = amounts.findIndex((amount, index) => {
    const maxMinor = Math.max(...amounts.slice(0, index));
    // A card verification has the amount 0.
    return index >= SMALL_PAYMENTS_MIN && maxMinor > 0 && amount >= LARGE_TIMES * maxMinor;
  });
  const large = sorted[at];
  if (large === undefined || currenciesOf(sorted) > 1 || spanOf(sorted.slice(0, at + 1)) > DAY_MS) return null;
  const small = amounts.slice(0, at);
  const maxMinor = Math.max(...small);
  const { currency } = large;
  // In currencies without decimals, such as the yen, a unit is too small to tell a test from a purchase.
  const decimals = currencyDecimals(currency);
  const isTest = decimals >= 2 && maxMinor <= TEST_UNITS_MAX * 10 ** decimals;
  return {
    kind: isTest ? "card-testing" : "small-then-large",
    payments: small.length,
    minMinor: Math.min(...small),
    maxMinor,
    largeMinor: large.amountMinor,
    later: sorted.length - small.length - 1,
    currency,
  };
}

function sameAmount(sorted: readonly StoryPayment[]): CaseStory | null {
  const [first] = sorted;
  const spanMs = spanOf(sorted);
  if (first === undefined || sorted.length < SAME_PAYMENTS_MIN || spanMs > DAY_MS || currenciesOf(sorted) > 1)
    return null;
  const { amountMinor, currency } = first;
  if (sorted.some((one) => one.amountMinor !== amountMinor)) return null;
  return { kind: "same-amount", payments: sorted.length, amountMinor, currency, spanMs };
}

function burst(sorted: readonly StoryPayment[]): CaseStory | null {
  const spanMs = spanOf(sorted);
  if (sorted.length < BURST_PAYMENTS_MIN || spanMs > BURST_MS_MAX) return null;
  const terminals = new Set(sorted.map(({ terminalId }) => terminalId).filter((id) => id !== "")).size;
  const currencies = currenciesOf(sorted);
  const sumMinor = currencies > 1 ? null : sorted.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  return {
    kind: "burst",
    payments: sorted.length,
    terminals,
    currencies,
    sumMinor,
    currency: sorted[0]?.currency ?? "",
    spanMs,
  };
}
