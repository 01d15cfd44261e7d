import { MATURE_SHARE } from "@tripline/decision-engine/backtest/label-survey";
import { formatShare, formatValue } from "@tripline/decision-engine/format-value";
import type { BacktestReport, LakeReport } from "@tripline/model-loop/backtest/backtest-policy";
import type { ShadowReport } from "@tripline/model-loop/backtest/report-shadow";
import { number } from "../models/print-figures.js";
import { updateSentences, WHY_SKIPPED } from "../models/replay-report.js";

/** Explains a report about a draft or shadow rules. */
export function aboutReport(report: BacktestReport | ShadowReport): string[] {
  return report.subject === "draft" ? aboutBacktest(report) : aboutShadow(report);
}

/** Explains, in one sentence each, what was replayed, which assumptions were made, and how to read the figures. */
export function aboutBacktest(report: BacktestReport): string[] {
  const { draftVersion, degraded } = report;
  return [
    `Draft ${draftVersion} on ${paymentsOf(report)}`,
    ...labelSentences(report),
    ...(degraded === 0 ? [] : [`${number(degraded)} of them were decided without the model, both originally and now.`]),
    ...report.budgets.map(
      ({ outcome, perDay }) =>
        `Budgets are not applied: the draft has a budget of ${number(perDay)} per day for the outcome ${outcome}, and would have ` +
        `given this outcome to up to ${number(report.draft.busiest[outcome] ?? 0)} payments of a tenant in one day.`,
    ),
    ...report.draft.exploration.map(
      ({ currency, payments, ...perDay }) =>
        `Exploration: of ${number(payments)} declines, ${perDay.approvedPerDay.toFixed(1)} per day would be approved at random, ${money(perDay.amountMinorPerDay, currency)} in total; the expected loss is ${money(perDay.lossMinorPerDay, currency)} per day according to the scores.`,
    ),
    ...exploredSentences(report),
    ...updateSentences(report.movedDeclines),
    ...Object.entries(report.failures).map(([why, count]) => `The draft failed for ${number(count)} payments: ${why}.`),
    ...skipSentences(report),
    ...[...report.skipped].flatMap(([reason, whats]) =>
      [...whats].map(([what, count]) => `Skipped ${number(count)}: ${WHY_SKIPPED[reason](what, report.specVersion)}`),
    ),
    ...(report.labels.delayDays === undefined ? [] : [INTERVALS]),
  ];
}

/** Explains what was counted, and how to read the figures. */
function aboutShadow(report: ShadowReport): string[] {
  const { periods, skipped, part } = report;
  return [
    `Shadow rules on ${paymentsOf(report)}`,
    ...periods
      .filter(({ id }) => part === undefined || id === part)
      .map(({ id, firstMs, lastMs, versions }) => {
        return `${id} fired in shadow from ${minuteText(firstMs)} to ${minuteText(lastMs)} UTC, under ${versions.join(", ")}.`;
      }),
    "The shares refer to all these payments, including those decided before a rule was in shadow mode.",
    ...labelSentences(report),
    ...skipSentences(report),
    ...[...skipped.values()]
      .flatMap((whats) => [...whats.values()])
      .map((count) => `Skipped ${number(count)} payments: their features are not in the lake.`),
    ...(report.labels.delayDays === undefined ? [] : [INTERVALS]),
  ];
}

function paymentsOf({ rows, cards, decidedBy, days }: LakeReport): string {
  const by = [...decidedBy].map(
    ([version, count]) => `${version === "" ? "an unknown policy" : version} (${number(count)})`,
  );
  const [first, last] = [days[0], days.at(-1)].map((day) => dayText(day?.day ?? 0));
  return `${number(rows)} payments of ${number(cards)} cards from ${first} to ${last}, decided by ${by.join(", ")}.`;
}

function skipSentences({ rulesSkipped }: LakeReport): string[] {
  return rulesSkipped.map(({ ruleId, why, rows }) => {
    return `${ruleId} returned no result for ${rows === 1 ? "1 payment" : `${number(rows)} payments`}: ${why}.`;
  });
}

const INTERVALS =
  "95 % confidence intervals in brackets: Wilson intervals for shares, adjusted for repeated payments by the same card; a bootstrap over cards for amounts of 10 cards or more.";

function labelSentences({ labels, young, youngFrauds, unlabelled, frauds, genuine }: LakeReport): string[] {
  if (labels.delayDays === undefined || labels.newestMs === undefined) {
    return ["The lake has no labels, so fraud caught and false positives are unknown."];
  }
  const share = `${MATURE_SHARE * 100} % of labels arrive within ${number(labels.delayDays)} days`;
  const kinds = `${number(labels.frauds)} frauds and ${number(labels.genuine)} genuine payments`;
  const newest = minuteText(labels.newestMs);
  return [
    `${share}, measured on ${kinds}; the newest label is from ${newest} UTC.`,
    `Payments younger than that (${number(young)}) count as unknown, including those already reported as fraud (${number(youngFrauds)}).`,
    labels.isUnlabelledGenuine
      ? "Assumption: genuine payments get a label only as an exception, so an older payment without a label is genuine."
      : `Assumption: both frauds and genuine payments get labels, so older payments without one (${number(unlabelled)}) count as unknown.`,
    `This leaves ${number(frauds)} known frauds and ${number(genuine)} genuine payments.`,
  ];
}

function exploredSentences({ decided: { explored } }: BacktestReport): string[] {
  const { payments, precision } = explored;
  if (precision === undefined) return [];
  const [value, low, high] = [precision.value, precision.low, precision.high].map(formatShare);
  return [
    `Of ${number(payments)} explored payments with a verdict, weighted by their probability, ${value} (${low}–${high}) were fraud. This estimates the precision of the declines that could be explored.`,
  ];
}

function money(minor: number, currency: string): string {
  return formatValue(Math.round(minor), "minor_amount", currency);
}

function minuteText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

function dayText(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}
