import { crossed } from "./judge-run.js";
import { ledgerLine } from "./load-ledger.js";
import type { LoadResult } from "./load-result.js";
import type { Chart, Line } from "./plot-series.js";
import { escapeText, plotSeries } from "./plot-series.js";
import { breakpointLine, generatorLine, tableOf } from "./print-run.js";

const COLORS = {
  blue: "#2f6db0",
  green: "#3a8f4d",
  orange: "#d07a1c",
  red: "#c0392b",
  grey: "#888",
  violet: "#7a4fa3",
};

/** The run as a page that needs nothing else: figures and plots over time. */
export function renderPage(result: LoadResult): string {
  const { settings, machine, ledger, fault, limits } = result;
  const title = `${settings.scenario}: ${settings.rate} payments a second, ${result.date}`;
  const notes = [
    fault?.sentence ?? "",
    ...crossed(limits).map(({ metric, condition }) => `Limit crossed: ${metric} ${condition}`),
    ...result.killed.map((what) => `Killed on purpose: ${what}`),
    result.breakpoint === undefined ? "" : `Breakpoint: ${breakpointLine(result.breakpoint)}`,
  ].filter(Boolean);
  return [
    "<!doctype html>",
    `<html lang="en"><head><meta charset="utf-8"><title>${escapeText(title)}</title>`,
    "<style>body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}pre{overflow-x:auto;background:#f5f5f5;padding:.8rem}svg{max-width:100%;height:auto;margin:.6rem 0}.bad{color:#c0392b}</style>",
    `</head><body><h1>${escapeText(title)}</h1>`,
    `<p>${escapeText(`k6 ${result.k6}, commit ${result.commit}, ${machine.cpu}, ${machine.cores} cores, load ${machine.loadAverage.toFixed(1)} when it began, target ${settings.target}, seed ${result.seed}, ${result.cards} cards`)}</p>`,
    ...notes.map((note) => `<p class="bad">${escapeText(note)}</p>`),
    `<pre>${escapeText(tableOf(result.phases).join("\n"))}</pre>`,
    `<pre>${escapeText(`${ledgerLine(ledger)}\ngenerator: ${generatorLine(result.generator)}`)}</pre>`,
    ...chartsOf(result).map((chart) => plotSeries(chart, result.series.secondsPerSlice)),
    "<h2>Limits</h2><table>",
    ...limits.map(({ metric, condition, ok, value }) => {
      const cells = [
        metric,
        condition,
        value === undefined ? "" : String(Number(value.toPrecision(4))),
        ok ? "held" : "crossed",
      ];
      return `<tr${ok ? "" : ' class="bad"'}>${cells.map((cell) => `<td>${escapeText(cell)}</td>`).join("")}</tr>`;
    }),
    "</table></body></html>",
    "",
  ].join("\n");
}

function chartsOf({ series, generator }: LoadResult): Chart[] {
  const line = (name: string, color: string, values: readonly (number | null)[]): Line => ({
    name,
    color,
    values: values.map((value) => value ?? undefined),
  });
  return [
    {
      title: "payments a second",
      lines: [
        line("due", COLORS.grey, series.askedPerS),
        line("sent", COLORS.blue, series.sentPerS),
        line("decided", COLORS.green, series.decidedPerS),
      ],
    },
    {
      title: "from request to decision, ms, by the moment of the request",
      lines: [line("p50", COLORS.blue, series.p50Ms), line("p99", COLORS.orange, series.p99Ms)],
    },
    {
      title: "payments a second that did not go as wished",
      lines: [
        line("refused", COLORS.orange, series.refusedPerS),
        line("failed", COLORS.red, series.failedPerS),
        line("undecided", COLORS.violet, series.undecidedPerS),
        line("degraded", COLORS.blue, series.degradedPerS),
      ],
    },
    {
      title: "the generator: how late requests left, ms (p99)",
      lines: [line("late", COLORS.red, series.latenessP99Ms)],
    },
    {
      title: `busy cores of ${generator.cores}`,
      lines: [
        line("k6", COLORS.blue, series.k6Cores),
        line(
          "all",
          COLORS.grey,
          series.machineBusy.map((share) => (share === null ? null : share * generator.cores)),
        ),
      ],
    },
  ];
}
