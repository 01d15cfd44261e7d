import type { BacktestReport } from "@tripline/model-loop/backtest/backtest-policy";
import type { Counterexample, PartFigures } from "@tripline/model-loop/backtest/backtest-tally";
import { nameOf } from "@tripline/model-loop/backtest/backtest-tally";
import type { TotalEstimate } from "@tripline/model-loop/backtest/bootstrap-totals";
import type { CaughtMoney, HitFigures, SegmentHits } from "@tripline/model-loop/backtest/hit-measure";
import type { Estimate } from "@tripline/model-loop/backtest/wilson-interval";
import type { Cells } from "../models/print-figures.js";
import { money, number, table } from "../models/print-figures.js";
import { aboutBacktest } from "./explain-backtest.js";

/** Values of a segment in the text; the JSON has more. */
const SEGMENT_VALUES_MAX = 4;

/** The report for people; its last line is for a gate. */
export function printBacktest(report: BacktestReport, broken: readonly string[]): string {
  const part = report.parts.find(({ id }) => id === report.part);
  const tables = [
    policyTable(report),
    policyMoney(report),
    changeTable(report),
    partTable(part === undefined ? report.parts : [part]),
    partMoney(part === undefined ? report.parts : [part]),
    part === undefined ? [] : overlapsOf(part),
    segmentTable(part === undefined ? `stopped by the draft` : `hit by ${part.id}`, part ?? report.draft),
    examplesOf(part ?? report.draft),
  ];
  const lines = [
    ...aboutBacktest(report),
    ...tables.filter(({ length }) => length > 0).flatMap((lines) => ["", ...lines]),
  ];
  return `${[...lines, "", ...broken, lastLine(report, part, broken)].join("\n")}\n`;
}

/** The report for machines. */
export function backtestJson(report: BacktestReport, broken: readonly string[]): string {
  const text = (_: string, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value);
  return `${JSON.stringify({ ...report, broken }, text, 2)}\n`;
}

function lastLine(report: BacktestReport, part: PartFigures | undefined, broken: readonly string[]): string {
  const { stopped, declined } = report.draft;
  const of = part ?? stopped;
  const share = (estimate: Estimate | undefined) => estimate?.value.toPrecision(3) ?? "unknown";
  const counts = `rows=${report.rows} stopped=${stopped.hits} declined=${declined.hits} hits=${of.hits}`;
  return `backtest: ${counts} precision=${share(of.precision)} recall=${share(of.recall)} broken=${broken.length}`;
}

function policyTable({ decided, draft }: BacktestReport): string[] {
  const row = (name: string, { hits, share, cards, cardShare, ...of }: HitFigures): Cells => [
    ...[name, hits, percent(share), cards, percent(cardShare)],
    ...[percent(of.precision), percent(of.recall), percent(of.annoyed)],
  ];
  const head = ["", "payments", "share", "cards", "share", "precision", "recall", "of genuine"];
  return table(head, [
    row("stopped then", decided.stopped),
    row("stopped by the draft", draft.stopped),
    row("declined then", decided.declined),
    row("declined by the draft", draft.declined),
  ]);
}

function policyMoney({ decided, draft }: BacktestReport): string[] {
  return moneyTable("money", [
    ["stopped then", decided.stopped.money],
    ["stopped by the draft", draft.stopped.money],
    ["declined then", decided.declined.money],
    ["declined by the draft", draft.declined.money],
  ]);
}

/** Money that is known to have been caught or annoyed; rows of nothing are left out. */
function moneyTable(
  title: string,
  rows: readonly (readonly [name: string, money: readonly CaughtMoney[]])[],
): string[] {
  const cells = rows.flatMap(([name, currencies]) =>
    currencies
      .filter(({ caught, annoyed }) => caught.value + annoyed.value > 0)
      .map(({ currency, caught, fraud, annoyed }): Cells => {
        return [name, total(currency, caught), money(currency, fraud), total(currency, annoyed)];
      }),
  );
  return cells.length === 0 ? [] : table([title, "fraud caught", "of all fraud", "genuine hit"], cells);
}

function changeTable({ changes }: BacktestReport): string[] {
  const rows = Object.entries(changes)
    .toSorted(([, left], [, right]) => right.rows - left.rows)
    .map(([change, { rows, frauds, genuine }]): Cells => [change, rows, frauds, genuine]);
  return rows.length === 0 ? ["No outcome changes."] : table(["outcome", "payments", "fraud", "genuine"], rows);
}

function partTable(parts: readonly PartFigures[]): string[] {
  const rows = parts.map((part): Cells => {
    const { id, outcome, hits, perDay, share, precision, recall, alone, stricter } = part;
    const daily = perDay.toLocaleString("en", { maximumSignificantDigits: 3 });
    return [id, nameOf(outcome), hits, daily, percent(share), percent(precision), percent(recall), alone, stricter];
  });
  return table(["rule", "action", "hits", "a day", "share", "precision", "recall", "alone", "stricter"], rows);
}

function partMoney(parts: readonly PartFigures[]): string[] {
  return moneyTable(
    "rule",
    parts.map((part) => [part.id, part.money]),
  );
}

function overlapsOf({ hits, overlaps }: PartFigures): string[] {
  return overlaps.map(({ id, rows, jaccard }) => {
    const isOne = rows === 1;
    return `Of its ${number(hits)} hits ${number(rows)} ${isOne ? "is also a hit" : "are also hits"} of ${id} (Jaccard ${jaccard.toFixed(2)}).`;
  });
}

function segmentTable(title: string, { segments }: { readonly segments: readonly SegmentHits[] }): string[] {
  const bySegment = [...Map.groupBy(segments, ({ segment }) => segment).values()];
  const rows = bySegment
    .flatMap((values) => values.slice(0, SEGMENT_VALUES_MAX))
    .map(({ segment, value, rows, hits, genuine }): Cells => {
      return [`${segment} ${value}`, hits, share(hits, rows), genuine];
    });
  return rows.length === 0 ? [] : table([title, "payments", "of the segment", "genuine"], rows);
}

function examplesOf({ counterexamples }: { readonly counterexamples: readonly Counterexample[] }): string[] {
  return counterexamples.map((example) => exampleLine(example));
}

/** One line to read. */
export function exampleLine({ kind, decided, drafted, ...payment }: Counterexample): string {
  const { transactionId, currency, amountMinor, occurredAtMs, sentences } = payment;
  const time = `${new Date(occurredAtMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const change = decided === drafted ? nameOf(drafted) : `${nameOf(decided)} -> ${nameOf(drafted)}`;
  const what = kind === "annoyed" ? "Genuine" : "Missed fraud";
  return `${what}: ${transactionId}, ${money(currency, amountMinor)}, ${time}, ${change}. ${sentences.join(" ")}`;
}

/** With its interval. */
export function percent(estimate: Estimate | undefined): string {
  if (estimate === undefined) return "-";
  return `${digits(estimate.value)} % (${digits(estimate.low)}–${digits(estimate.high)})`;
}

export function total(currency: string, estimate: TotalEstimate): string {
  if (!("low" in estimate)) return money(currency, estimate.value);
  const [low, high] = [estimate.low, estimate.high].map((minor) => money(currency, minor).replace(/ [A-Z]+$/, ""));
  return `${money(currency, estimate.value)} (${low}–${high})`;
}

function share(part: number, whole: number): string {
  return whole === 0 ? "-" : `${digits(part / whole)} %`;
}

function digits(share: number): string {
  const value = share * 100;
  return value.toLocaleString("en", value >= 10 ? { maximumFractionDigits: 1 } : { maximumSignificantDigits: 2 });
}
