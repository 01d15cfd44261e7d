import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { formatShare, formatValue } from "@tripline/decision-engine/format-value";
import type { EntityKind } from "../../contract/cases.js";
import type { CaseFacts } from "../narrate-case.js";

const CONTRIBUTIONS_MAX = 5;
const REASONS_MAX = 8;
const LOCALE = "en-GB";

/**
 * The facts of a case that may be sent to a model provider: numbers, codes and words of the feature spec. This is an
 * allow list, so new case fields are not sent automatically. It contains no token, ID, name, place, exact time or
 * user-written text. It omits reason texts, because a rule can put anything into them, and values of categories,
 * because they are text from the payment, such as a country.
 */
export function blindFacts(
  { row, focus, usual, graph }: CaseFacts,
  spec: FeatureSpec = currentFeatureSpec(),
): Readonly<Record<string, unknown>> {
  const categories = new Set(spec.features.flatMap(({ kind, name }) => (kind === "category" ? [name] : [])));
  const currency = /^[A-Z]{3}$/.test(focus.currency) ? focus.currency : "";
  const money = (minor: number | null) => (minor === null ? null : formatValue(minor, "minor_amount", currency));
  const at = new Date(focus.occurredAtMs);
  const share = (score: number | null) => (score === null ? null : formatShare(score));
  const near = graph.nodes.filter(({ isSubject }) => !isSubject);
  return {
    outcome: focus.outcome,
    amount: money(focus.amountMinor),
    weekday: at.toLocaleDateString(LOCALE, { weekday: "long", timeZone: "UTC" }),
    hour_utc: at.getUTCHours(),
    estimated_fraud_probability: share(focus.score),
    decided_by: focus.rung,
    payments_in_case: row.payments,
    amount_in_case: money(row.amountMinor),
    rules_that_fired: codesOf(focus.reasons.map(({ code }) => code)),
    what_moved_the_score: (focus.contributions?.of ?? []).slice(0, CONTRIBUTIONS_MAX).map((one) => {
      const text = categories.has(one.feature) ? {} : { of_this_payment: one.text };
      return { value: one.title, ...text, towards: one.logOdds > 0 ? "fraud" : "genuine" };
    }),
    card_before: {
      payments_in_90_days: usual.payments,
      payments_a_day: Number(usual.paymentsPerDay.toFixed(2)),
      terminals: usual.terminals,
      median_amount: money(usual.amountMedianMinor),
      nine_tenths_between: [money(usual.amountP05Minor), money(usual.amountP95Minor)],
    },
    linked: countsOf(near.map(({ kind }) => kind)),
    linked_with_confirmed_fraud: countsOf(near.filter(({ frauds }) => frauds > 0).map(({ kind }) => kind)),
    closed_as: row.status === "closed" ? row.verdict : null,
  };
}

/** Drops everything that does not look like a code. */
function codesOf(codes: readonly string[]): string[] {
  return codes.filter((code) => /^[A-Z][A-Z0-9_]{0,63}$/.test(code)).slice(0, REASONS_MAX);
}

function countsOf(kinds: readonly EntityKind[]): Readonly<Partial<Record<EntityKind, number>>> {
  return Object.fromEntries([...Map.groupBy(kinds, (kind) => kind)].map(([kind, all]) => [kind, all.length]));
}
