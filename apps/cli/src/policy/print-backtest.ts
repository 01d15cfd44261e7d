import type { Estimate } from "@tripline/decision-engine/backtest/wilson-interval";
import type { BacktestReport } from "@tripline/model-loop/backtest/backtest-policy";
import type { ShadowReport } from "@tripline/model-loop/backtest/report-shadow";
import { table } from "../models/print-figures.js";
import { askedPart, backtestTables, exampleLine, overlapSentences } from "./backtest-tables.js";
import { aboutReport } from "./explain-backtest.js";

/** The text report; its last line is for CI. */
export function printReport(report: BacktestReport | ShadowReport, broken: readonly string[] = []): string {
  const part = askedPart(report);
  const sections = [
    aboutReport(report),
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

/** The JSON report. */
export function reportJson(report: BacktestReport | ShadowReport, broken: readonly string[] = []): string {
  const text = (_: string, value: unknown) =>
    value instanceof Map ? Object.fromEntries(value) : withFormerNames(value);
  return `${JSON.stringify({ ...report, broken }, text, 2)}\n`;
}

/** Until 0.3.0, false positives are also given as `annoyed`. */
function withFormerNames(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("falsePositiveRate" in value) return { ...value, annoyed: value.falsePositiveRate };
  return "falsePositives" in value ? { ...value, annoyed: value.falsePositives } : value;
}

function lastLine(report: BacktestReport | ShadowReport, broken: readonly string[]): string {
  const { stopped, declined } = report.draft;
  const of = askedPart(report) ?? stopped;
  const share = (estimate: Estimate | undefined) => estimate?.value.toPrecision(3) ?? "unknown";
  const counts = `rows=${report.rows} stopped=${stopped.hits} declined=${declined.hits} hits=${of.hits}`;
  const line = `${counts} precision=${share(of.precision)} recall=${share(of.recall)}`;
  return report.subject === "shadow"
    ? `shadow: rules=${report.parts.length} ${line}`
    : `backtest: ${line} broken=${broken.length}`;
}
