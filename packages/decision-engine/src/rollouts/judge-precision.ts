import type { Agreement } from "./agreement.js";
import { expectedLoss } from "./agreement.js";
import { BetOnMean } from "./bet-on-mean.js";
import type { Finding } from "./finding.js";
import { evidence, LABEL_EVIDENCE_MIN, percent } from "./finding.js";
import type { GuardPlan } from "./guard-plan.js";

/** A payment that a model did not approve, with its verdict. */
export interface LabelledAlert {
  readonly isCandidate: boolean;
  readonly isFraud: boolean;
}

/** As in `BetOnMean`, but with fewer bets: labels are scarce, so no capital may be wasted. */
const SHARES = [0.1, 0.2, 0.4];

/**
 * Compares the share of genuine payments among the alerts of both models. Each alert of the candidate is compared with
 * the champion's alerts that got their verdicts since the previous one, so both saw the same traffic and label delays.
 *
 * @param alerts one per card, in the order of their verdicts
 * @param matureLabels the candidate's alerts that are old enough for all of their labels
 * @param expected shows how much less precise the candidate was before the rollout, which is tolerated
 */
export function judgePrecision(
  alerts: readonly LabelledAlert[],
  matureLabels: number,
  expected: Agreement,
  plan: Pick<GuardPlan, "false_alarm_points_max" | "labels_min" | "mature_labels_min">,
): Finding {
  const bet = new BetOnMean(SHARES);
  const limit = (1 + plan.false_alarm_points_max + expectedLoss(expected)) / 2;
  const waiting = { candidate: [] as number[], champion: [] as number[] };
  const genuine = { candidate: 0, champion: 0 };
  const counts = { candidate: 0, champion: 0 };
  let log = 0;
  for (const { isCandidate, isFraud } of alerts) {
    const arm = isCandidate ? "candidate" : "champion";
    waiting[arm].push(Number(!isFraud));
    counts[arm] += 1;
    genuine[arm] += Number(!isFraud);
    const [own] = waiting.candidate;
    if (own === undefined || waiting.champion.length === 0) continue;
    const others = waiting.champion.splice(0);
    waiting.candidate.shift();
    const other = others.reduce((sum, value) => sum + value, 0) / others.length;
    bet.add((1 + own - other) / 2, limit);
    // The evidence never decreases, because the bound holds at all times simultaneously.
    log = Math.max(log, bet.logCapital);
  }
  const labels = Math.min(counts.candidate, counts.champion);
  const isJudged = labels >= plan.labels_min;
  const share = (arm: keyof typeof counts): string => percent(counts[arm] === 0 ? 0 : genuine[arm] / counts[arm]);
  const text =
    `genuine payments among those not approved: ${share("candidate")} of ${counts.candidate} labelled payments by the candidate's ` +
    `cards, ${share("champion")} of ${counts.champion} by the champion's`;
  const figure = evidence(log, LABEL_EVIDENCE_MIN);
  const data = [
    { kind: "labels", count: labels, needed: plan.labels_min },
    { kind: "mature-labels", count: matureLabels, needed: plan.mature_labels_min },
  ] as const;
  return { guard: "precision", isJudged, isBreached: isJudged && log > LABEL_EVIDENCE_MIN, text, figure, data };
}
