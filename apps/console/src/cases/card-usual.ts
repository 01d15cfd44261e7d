import type { CardUsual } from "../contract/cases.js";
import type { KnownDecision } from "../decisions/decision-rows.js";
import { outcomeOf } from "../decisions/decision-rows.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const HOURS = 24;
export const USUAL_DAYS = 90;
const AMOUNTS_MAX = 200;

/**
 * Computes a card's baseline.
 *
 * @param past its payments before the case, newest first
 * @param beforeMs the time at which the case was opened
 * @param currency amounts in other currencies are not compared
 */
export function usualOf(past: readonly KnownDecision[], beforeMs: number, currency: string): CardUsual {
  const byHour = Array.from({ length: HOURS }, () => 0);
  for (const { occurred_at_ms: ms } of past) {
    const hour = Math.floor((ms % DAY_MS) / HOUR_MS);
    byHour[hour] = (byHour[hour] ?? 0) + 1;
  }
  const comparable = past.filter((payment) => payment.currency === currency);
  const amounts = comparable.map(({ amount_minor }) => amount_minor).toSorted((left, right) => left - right);
  const oldest = past.at(-1)?.occurred_at_ms ?? beforeMs;
  // A card that was first seen less than a day before the case has no frequency yet.
  const days = Math.max(1, (beforeMs - oldest) / DAY_MS);
  return {
    payments: past.length,
    paymentsPerDay: past.length / days,
    amountMedianMinor: quantile(amounts, 0.5),
    amountP05Minor: quantile(amounts, 0.05),
    amountP95Minor: quantile(amounts, 0.95),
    byHour,
    terminals: new Set(past.map(({ terminal_id }) => terminal_id).filter((id) => id !== "")).size,
    amounts: comparable
      .slice(0, AMOUNTS_MAX)
      .toReversed()
      .map(({ occurred_at_ms, amount_minor, outcome }) => {
        return { atMs: occurred_at_ms, amountMinor: amount_minor, outcome: outcomeOf(outcome) };
      }),
  };
}

/** The quantile for a share from 0 to 1; null without values. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}
