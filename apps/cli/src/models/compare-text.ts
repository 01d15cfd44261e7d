import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { TotalEstimate } from "@tripline/decision-engine/backtest/hit-measure";
import type { Estimate } from "@tripline/decision-engine/backtest/wilson-interval";
import type { CompareReport, Disagreement } from "@tripline/model-loop/compare-models/compare-trial";
import type { Cells } from "./print-figures.js";
import { money, table } from "./print-figures.js";

/** The report as text, with 95 % confidence intervals. */
export function compareText(report: CompareReport): string {
  const { candidate, payments, cards, unscored, skipped, stricter, milder, examples } = report;
  const sections = [
    [
      `candidate ${candidate} compared with the champion, on ${payments} payments by ${cards} cards that both models scored`,
      `not compared: ${unscored} payments without one of the scores, ${skipped} without features or policy`,
    ],
    table(["champion -> candidate", "payments"], transitionsOf(report)),
    table(
      ["the candidate would be", "payments", "share (95 %)", "cards", "frauds", "genuine", "unknown", "amount (95 %)"],
      [rowOf("stricter", stricter), rowOf("milder", milder)],
    ),
    examples.length === 0
      ? []
      : table(
          ["largest score differences", "champion", "candidate", "outcomes", "amount", "label"],
          examples.map((one) => [
            ...[one.transactionId, one.championScore.toFixed(4), one.candidateScore.toFixed(4)],
            `${nameOf(one.champion)} -> ${nameOf(one.candidate)}`,
            money(one.currency, one.amountMinor),
            one.isFraud === undefined ? "none" : one.isFraud ? "fraud" : "genuine",
          ]),
        ),
    [`compare: payments=${payments} stricter=${stricter.payments} milder=${milder.payments}`],
  ];
  return `${sections
    .filter(({ length }) => length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** The JSON report. */
export function compareJson(report: CompareReport): string {
  const plain = (_: string, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value);
  return `${JSON.stringify(report, plain, 2)}\n`;
}

function transitionsOf({ outcomes }: CompareReport): Cells[] {
  return [...outcomes].flatMap(([champion, others]) =>
    [...others].map(([candidate, payments]) => [`${nameOf(champion)} -> ${nameOf(candidate)}`, payments]),
  );
}

function rowOf(name: string, { payments, share, cards, frauds, genuine, money: amounts }: Disagreement): Cells {
  const sums = [...amounts].map(([currency, total]) => totalText(currency, total));
  return [
    name,
    payments,
    shareText(share),
    cards,
    frauds,
    genuine,
    payments - frauds - genuine,
    sums.join("; ") || "0",
  ];
}

function shareText(share: Estimate | undefined): string {
  if (share === undefined) return "unknown";
  const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
  return `${percent(share.value)} (${percent(share.low)} to ${percent(share.high)})`;
}

function totalText(currency: string, total: TotalEstimate): string {
  const value = money(currency, total.value);
  return "low" in total ? `${value} (${money(currency, total.low)} to ${money(currency, total.high)})` : value;
}

function nameOf(outcome: Outcome): string {
  return Outcome[outcome].toLowerCase();
}
