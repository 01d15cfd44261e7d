import type { GeneratorFigures } from "./judge-run.js";
import { crossed } from "./judge-run.js";
import type { LoadLedger } from "./load-ledger.js";
import { balances } from "./load-ledger.js";
import type { LoadResult } from "./load-result.js";
import { PAGE_STYLE } from "./page-style.js";
import type { Chart, Line } from "./plot-series.js";
import { escapeText, plotSeries } from "./plot-series.js";
import { breakpointLine, COLUMNS, isGood } from "./print-run.js";

const LEDGER_FAULTS = ["accepted", "decided", "lost", "duplicated", "differing"] as const;
const LEDGER_NAMES = [
  ...(["sent", "accepted", "decided", "lost", "duplicated"] as const),
  ...(["repeated", "returned", "differing", "unanswered"] as const),
];

const COLORS = {
  blue: "#2f6db0",
  green: "#3a8f4d",
  orange: "#d07a1c",
  red: "#c0392b",
  grey: "#6e7781",
  violet: "#7a4fa3",
};

/** The run as a page that needs nothing else: whether it was good, figures and plots over time. */
export function renderPage(result: LoadResult): string {
  const { settings, ledger, generator } = result;
  const verdict = isGood(result) ? "passed" : "failed";
  const title = `${settings.scenario}, ${settings.rate} payments a second`;
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeText(`${verdict}: ${title}`)}</title><style>${PAGE_STYLE}</style></head><body>`,
    `<header><h1>${escapeText(title)}</h1>${badge(verdict)}</header>`,
    `<p class="about">${escapeText(aboutRun(result))}</p>`,
    notesOf(result),
    "<h2>Phases</h2>",
    phasesTable(result),
    `<h2>Ledger, by ${escapeText(ledger.source)}</h2>`,
    figures(ledgerFigures(ledger)),
    "<h2>Generator</h2>",
    figures(generatorFigures(generator)),
    "<h2>Over time</h2>",
    ...chartsOf(result).map((chart) => plotSeries(chart, result.series.secondsPerSlice)),
    "<h2>Limits</h2>",
    limitsTable(result),
    "</body></html>",
    "",
  ].join("\n");
}

function badge(verdict: "passed" | "failed"): string {
  return `<span class="badge${verdict === "failed" ? " bad" : ""}">${verdict.toUpperCase()}</span>`;
}

function aboutRun({ date, k6, commit, machine, settings, seed, cards }: LoadResult): string {
  const day = `${date.slice(0, 10)} ${date.slice(11, 16)} UTC`;
  const load = `load ${machine.loadAverage.toFixed(1)} when it began`;
  const from = `seed ${seed}, ${cards.toLocaleString("en-US")} cards`;
  return `${day} · k6 ${k6} · commit ${commit} · ${machine.cpu}, ${machine.cores} cores, ${load} · ${settings.target} · ${from}`;
}

/** What went wrong, and what one has to know to read the figures. */
function notesOf({ limits, ledger, fault, killed, breakpoint, wasInterrupted }: LoadResult): string {
  const broken = crossed(limits);
  const faults = [
    fault?.sentence ?? "",
    broken.length === 0 ? "" : `${broken.length} of ${limits.length} limits crossed, see below`,
    ledger.accepted === 0 ? "No payment was accepted" : "",
    balances(ledger)
      ? ""
      : `The ledger does not balance: ${LEDGER_FAULTS.map((name) => `${name} ${ledger[name]}`).join(", ")}`,
    ledger.lost === 0 ? "" : `Lost: ${ledger.lostIds.join(", ")}${ledger.lost > ledger.lostIds.length ? ", …" : ""}`,
  ].filter(Boolean);
  const notes = [
    wasInterrupted ? "Interrupted before its end" : "",
    ...killed.map((what) => `Killed on purpose: ${what}`),
    breakpoint === undefined ? "" : `Breakpoint: ${breakpointLine(breakpoint)}`,
  ].filter(Boolean);
  const items = [
    ...faults.map((text) => `<li class="bad-text">${escapeText(text)}</li>`),
    ...notes.map((text) => `<li>${escapeText(text)}</li>`),
  ];
  return items.length === 0 ? "" : `<ul class="notes">${items.join("")}</ul>`;
}

/** On a phone each row becomes a list, whose names come from `data-label`. */
function phasesTable({ phases }: LoadResult): string {
  const titles = COLUMNS.map(([title]) => title);
  const rows = phases.map((phase) => COLUMNS.map(([title, value]) => cell(title, value(phase))).join(""));
  return [
    '<table class="phases">',
    `<thead><tr>${titles.map((title) => `<th>${escapeText(title)}</th>`).join("")}</tr></thead>`,
    `<tbody>${rows.map((row) => `<tr>${row}</tr>`).join("\n")}</tbody></table>`,
    ...(phases.every(({ isLimited }) => isLimited)
      ? []
      : ['<p class="about">* without limits on latency and errors</p>']),
  ].join("\n");
}

function cell(title: string, value: string): string {
  return `<td data-label="${escapeText(title)}">${escapeText(value)}</td>`;
}

function limitsTable({ limits }: LoadResult): string {
  const rows = limits.map(({ metric, condition, ok, value }) => {
    const was = value === undefined ? "" : String(Number(value.toPrecision(4)));
    // A narrow screen breaks the name before its tags.
    const name = escapeText(metric).replaceAll("{", "<wbr>{");
    const cells = [name, ...[condition, was, ok ? "held" : "crossed"].map(escapeText)].map(
      (text) => `<td>${text}</td>`,
    );
    return `<tr${ok ? "" : ' class="bad-text"'}>${cells.join("")}</tr>`;
  });
  const head = "<thead><tr><th>metric</th><th>limit</th><th>was</th><th></th></tr></thead>";
  return `<table class="limits">${head}<tbody>${rows.join("\n")}</tbody></table>`;
}

type Figure = readonly [name: string, value: string];

function figures(all: readonly Figure[]): string {
  const items = all.map(([name, value]) => `<div><dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd></div>`);
  return `<dl>${items.join("\n")}</dl>`;
}

function ledgerFigures(ledger: LoadLedger): Figure[] {
  return LEDGER_NAMES.map((name) => [name, ledger[name].toLocaleString("en-US")]);
}

function generatorFigures({ planned, begun, dropped, latenessP99Ms, ...machine }: GeneratorFigures): Figure[] {
  const { k6Cores, cores, machineBusy, underWay, vus } = machine;
  return [
    ["planned", planned.toLocaleString("en-US")],
    ["sent", begun.toLocaleString("en-US")],
    ["dropped", dropped.toLocaleString("en-US")],
    ["late, p99", `${latenessP99Ms.toFixed(1)} ms`],
    ["cores of k6", k6Cores === undefined ? "unknown" : `${k6Cores.toFixed(2)} of ${cores}`],
    ["machine busy", `${(machineBusy * 100).toFixed(0)} %`],
    ["most at once", `${underWay.toFixed(0)} of ${vus}`],
  ];
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
