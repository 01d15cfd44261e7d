import type { BacktestReport } from "@tripline/model-loop/backtest/backtest-policy";
import type { Estimate } from "@tripline/model-loop/backtest/wilson-interval";
import { table } from "../models/print-figures.js";
import { askedPart, backtestTables, exampleLine, overlapSentences } from "./backtest-tables.js";
import { aboutBacktest } from "./explain-backtest.js";

/** The report for people; its last line is for a gate. */
export function printBacktest(report: BacktestReport, broken: readonly string[]): string {
  const part = askedPart(report);
  const sections = [
    aboutBacktest(report),
    ...backtestTables(report).map(({ title, head: [, ...columns], rows }) => table([title, ...columns], rows)),
    part === undefined ? [] : overlapSentences(part),
    (part ?? report.draft).counterexamples.map(exampleLine),
    [...broken, lastLine(report, broken)],
  ];
  return `${sections
    .filter(({ length }) => length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** The report for machines. */
export function backtestJson(report: BacktestReport, broken: readonly string[]): string {
  const text = (_: string, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value);
  return `${JSON.stringify({ ...report, broken }, text, 2)}\n`;
}

function lastLine(report: BacktestReport, broken: readonly string[]): string {
  const { stopped, declined } = report.draft;
  const of = askedPart(report) ?? stopped;
  const share = (estimate: Estimate | undefined) => estimate?.value.toPrecision(3) ?? "unknown";
  const counts = `rows=${report.rows} stopped=${stopped.hits} declined=${declined.hits} hits=${of.hits}`;
  return `backtest: ${counts} precision=${share(of.precision)} recall=${share(of.recall)} broken=${broken.length}`;
}
