import { currencyDecimals } from "@tripline/contracts/currency";
import type { HitFigures } from "@tripline/decision-engine/backtest/hit-measure";
import type { BacktestReport, LakeReport } from "@tripline/model-loop/backtest/backtest-policy";
import type { ShadowReport } from "@tripline/model-loop/backtest/report-shadow";
import type { Content, Html } from "@tripline/report/html";
import { html } from "@tripline/report/html";
import { renderPage } from "@tripline/report/page";
import type { Bar } from "@tripline/report/plot";
import { plotBars, plotDays } from "@tripline/report/plot";
import { number } from "../models/print-figures.js";
import type { FigureTable } from "./backtest-tables.js";
import { askedPart, backtestTables, exampleLine, overlapSentences, WORDS } from "./backtest-tables.js";
import { aboutReport } from "./explain-backtest.js";

const DAY_MS = 86_400_000;
/** Maximum number of rules in a plot, which shows those with the most hits; the table has all of them. */
const BARS_MAX = 30;
/** Characters per row that fit on a phone. */
const ROW_CHARACTERS_MAX = 45;
/** Maximum number of currencies with plots; those with the most fraud are shown. */
const CURRENCIES_MAX = 3;

/** The report as a self-contained page with plots. */
export function renderReport(report: BacktestReport | ShadowReport, broken: readonly string[] = []): string {
  const part = askedPart(report);
  const title = titleOf(report);
  const badge = broken.length === 0 ? [] : html`<span class="badge bad">FAILED</span>`;
  const body = html`<header><h1>${title}</h1>${badge}</header>
<p class="about">${aboutReport(report).join(" ")}</p>
${listOf(broken, "bad-text")}
<div class="plots">${plotsOf(report)}</div>
${backtestTables(report).map(tableOf)}
${part === undefined ? [] : section("Hits shared with other rules", listOf(overlapSentences(part)))}
${section("Counterexamples", listOf((part ?? report.draft).counterexamples.map(exampleLine)))}`;
  return renderPage(title, body);
}

function titleOf(report: BacktestReport | ShadowReport): string {
  const id = askedPart(report)?.id;
  if (report.subject === "shadow") return id === undefined ? "Shadow rules" : `Shadow rule ${id}`;
  return id === undefined ? `Backtest of draft ${report.draftVersion}` : `Backtest of ${id}`;
}

function section(title: string, content: Content): Html {
  return html`<h2>${title}</h2>${content}`;
}

function listOf(lines: readonly string[], style = ""): Content {
  return lines.length === 0
    ? []
    : html`<ul class="notes">${lines.map((text) => html`<li class="${style}">${text}</li>`)}</ul>`;
}

/** On a phone, a row that does not fit becomes a list with names from `data-label`. */
function tableOf({ title, head, rows }: FigureTable): Html {
  const cell = (value: string | number, column: number) =>
    html`<td data-label="${head[column] ?? ""}">${typeof value === "number" ? number(value) : value}</td>`;
  const body = rows.map((cells) => html`<tr>${cells.map(cell)}</tr>`);
  const names = head.map((name) => html`<th>${name}</th>`);
  const longest = Math.max(...rows.map((cells) => cells.join(" ").length));
  const style = longest > ROW_CHARACTERS_MAX ? "phases" : "";
  return section(title, html`<table class="${style}"><thead><tr>${names}</tr></thead><tbody>${body}</tbody></table>`);
}

function plotsOf(report: LakeReport): Html[] {
  const part = askedPart(report);
  const parts = (part === undefined ? report.parts : [part])
    .filter(({ hits }) => hits > 0)
    .toSorted((left, right) => right.hits - left.hits)
    .slice(0, BARS_MAX);
  const shares = (name: "precision" | "recall"): Bar[] =>
    parts.flatMap((each) => barOf(each.id, each[name], (share) => share * 100));
  const bars = (title: string, unit: string, all: readonly Bar[]) =>
    all.length === 0 ? [] : [plotBars({ title, unit }, all)];
  return [
    dailyPlot(report),
    ...bars("Precision: share of frauds among labelled hits", "%", shares("precision")),
    ...bars("Recall: share of known frauds that are hit", "%", shares("recall")),
    ...currenciesOf(report).flatMap((currency) =>
      (["caught", "falsePositives"] as const).flatMap((name) => {
        const title = name === "caught" ? "Amount of frauds hit" : "Amount of genuine payments hit";
        return bars(`${title}, ${currency}`, currency, moneyBars(parts, currency, name));
      }),
    ),
  ];
}

function moneyBars(
  parts: readonly (HitFigures & { readonly id: string })[],
  currency: string,
  name: "caught" | "falsePositives",
) {
  const major = (minor: number) => minor / 10 ** currencyDecimals(currency);
  return parts.flatMap(({ id, money }) => barOf(id, money.find((each) => each.currency === currency)?.[name], major));
}

/** Without an interval, the whisker has length zero. */
function barOf(
  name: string,
  estimate: { value: number; low?: number; high?: number } | undefined,
  unit: (value: number) => number,
): Bar[] {
  if (estimate === undefined) return [];
  const { value, low = value, high = value } = estimate;
  return [{ name, median: unit(value), low: unit(low), high: unit(high) }];
}

function dailyPlot(report: LakeReport): Html {
  const { days, decided, draft } = report;
  const part = askedPart(report);
  const { by } = WORDS[report.subject];
  const shareOf = ({ daily }: HitFigures) =>
    days.map(({ rows }, index) => (rows === 0 ? null : ((daily[index] ?? 0) / rows) * 100));
  const lines =
    part === undefined
      ? ([
          { name: "stopped originally", color: "grey", values: shareOf(decided.stopped), isTarget: true },
          { name: `stopped ${by}`, color: "blue", values: shareOf(draft.stopped) },
          { name: `declined ${by}`, color: "red", values: shareOf(draft.declined) },
        ] as const)
      : ([{ name: `hit by ${part.id}`, color: "blue", values: shareOf(part) }] as const);
  return plotDays({ title: "Share of payments by day", unit: "%" }, lines, (days[0]?.day ?? 0) * DAY_MS);
}

function currenciesOf({ draft }: LakeReport): string[] {
  return draft.stopped.money
    .toSorted((left, right) => right.fraud - left.fraud)
    .slice(0, CURRENCIES_MAX)
    .map(({ currency }) => currency);
}
