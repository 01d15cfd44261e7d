import { formatShare } from "@tripline/decision-engine/format-value";
import type { Caller } from "@tripline/tokens/verify-token";

/** Scope required to see the rounded score and reason sentences with the payment's figures. */
const EXPLAIN_SCOPE = "decisions:explain";
/** Scope required to see the exact score. */
const EXACT_SCOPE = "decisions:exact";

/** Scores are rounded to this step, so that a few probes cannot reveal a tree's thresholds. */
const SCORE_STEP = 0.05;
const STEPS = Math.round(1 / SCORE_STEP);

/** The part of a decision that a caller may see. */
export type AnswerDetail = "outcome" | "explained" | "exact";

export function detailFor({ scopes }: Pick<Caller, "scopes">): AnswerDetail {
  if (scopes.includes(EXACT_SCOPE)) return "exact";
  return scopes.includes(EXPLAIN_SCOPE) ? "explained" : "outcome";
}

/** The nearest multiple of `SCORE_STEP`. */
export function roundScore(score: number): number {
  return Math.round(score * STEPS) / STEPS;
}

/** Replaces the exact score in a reason's sentence, as formatted by a policy's `{score}`, with the rounded score. */
export function roundScoreIn(text: string, score: number): string {
  const exact = formatShare(score);
  if (!text.includes(exact)) return text;
  const rounded = roundScore(score);
  const share = rounded === 0 ? "below 5 %" : rounded === 1 ? "above 95 %" : `about ${formatShare(rounded)}`;
  // Does not match the end of a longer number.
  return text.replaceAll(new RegExp(`(?<![\\d.,])${exact.replaceAll(".", "\\.")}`, "g"), share);
}
