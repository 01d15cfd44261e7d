import { ExploredPrecision } from "@tripline/decision-engine/backtest/explored-precision";
import { isDrawn } from "@tripline/decision-engine/exploration/explore-decline";
import type { Bar } from "../rollout-rehearsal/guard-bars.js";
import { EXPLORATION } from "./exploring-bank.js";
import type { LivedRow } from "./live-world.js";
import type { RehearsedBank } from "./rehearse-exploration.js";

const RATIO_MIN = 0.97;
const KEYS = 100;
const COVERED_MIN = 90;
const BANDS_SHARE_MIN = 0.95;

/** Compares a bank that explores with one that does not. */
export function explorationBars(exploring: RehearsedBank, other: RehearsedBank, generations: number): Bar[] {
  const [ratio, ratioWithout] = [exploring, other].map((bank) => bank.averagePrecision / bank.oracle) as [
    number,
    number,
  ];
  const figure = (bank: RehearsedBank): string => `${bank.averagePrecision.toFixed(3)} vs. ${bank.oracle.toFixed(3)}`;
  const { covered, declines, precision } = coverage(exploring.rows);
  return [
    {
      what: `AP with exploration after ${generations} generations is at least ${RATIO_MIN} of the oracle's`,
      figure: `${ratio.toFixed(3)} (${figure(exploring)}); without exploration ${ratioWithout.toFixed(3)} (${figure(other)}); ${costOf(exploring)}`,
      isMet: ratio >= RATIO_MIN,
    },
    {
      what: `the 95 % interval covers the precision of explorable declines for at least ${COVERED_MIN} of ${KEYS} keys`,
      figure: `${covered} (${declines} declines, precision ${precision.toFixed(3)})`,
      isMet: covered >= COVERED_MIN,
    },
    {
      what: `on each fold, proposed bands save at least ${BANDS_SHARE_MIN} of what the best bands in hindsight save`,
      figure: exploring.bandsShareOfBest.toFixed(3),
      isMet: exploring.bandsShareOfBest >= BANDS_SHARE_MIN,
    },
  ];
}

function costOf({ rows, days }: RehearsedBank): string {
  const explored = rows.filter(({ isExplored }) => isExplored);
  const lost = explored.filter(({ payment }) => payment.fraud && payment.fate === "authorised");
  const sums = Map.groupBy(lost, ({ payment }) => payment.currency);
  const perDay = [...sums].map(([currency, all]) => {
    const minor = all.reduce((sum, { payment }) => sum + payment.amountMinor, 0);
    return `${(minor / 100 / days).toFixed(2)} ${currency}`;
  });
  return `it approved ${(explored.length / days).toFixed(1)} declines per day and lost ${perDay.join(" and ") || "nothing"} per day to fraud`;
}

/**
 * For how many keys the interval from the explored payments covers the precision of all declines that could be explored:
 * the share that would have been reported as fraud, among those that the issuer would not have declined.
 */
export function coverage(
  rows: readonly Pick<LivedRow, "transactionId" | "cardToken" | "probability" | "reportIfApproved">[],
): { readonly covered: number; readonly declines: number; readonly precision: number } {
  const declines = rows.flatMap(({ transactionId, cardToken, probability = 0, reportIfApproved: isFraud }) =>
    probability > 0 && isFraud !== undefined ? [{ transactionId, cardToken, isFraud }] : [],
  );
  const precision = declines.filter(({ isFraud }) => isFraud).length / Math.max(1, declines.length);
  const { share } = EXPLORATION;
  let covered = 0;
  for (let key = 1; key <= KEYS; key += 1) {
    const explored = new ExploredPrecision();
    for (const { transactionId, ...one } of declines) {
      if (isDrawn({ key: `key ${key}`, share }, transactionId)) explored.add({ ...one, weight: 1 / share });
    }
    const estimate = explored.estimate();
    if (estimate !== undefined && estimate.low <= precision && precision <= estimate.high) covered += 1;
  }
  return { covered, declines: declines.length, precision };
}
