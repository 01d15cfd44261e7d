import type { Content, Html } from "@tripline/report/html";
import { html } from "@tripline/report/html";
import { renderPage } from "@tripline/report/page";
import type { Line } from "@tripline/report/plot";
import { plotLines } from "@tripline/report/plot";
import type { GeneratorFigures } from "../judge/judge-run.js";
import { crossed } from "../judge/judge-run.js";
import type { LoadLedger } from "../judge/load-ledger.js";
import { balances } from "../judge/load-ledger.js";
import type { LoadResult } from "../load-result.js";
import { breakpointLine, COLUMNS, isGood } from "./print-run.js";

const LEDGER_FAULTS = ["accepted", "decided", "lost", "duplicated", "differing"] as const;
const LEDGER_NAMES = [
  ...(["sent", "accepted", "decided", "lost", "duplicated"] as const),
  ...(["repeated", "returned", "differing", "unanswered"] as const),
];

/** The run as a self-contained page: result, figures, and plots over time. */
export function renderReport(result: LoadResult): string {
  const { settings, ledger, generator } = result;
  const verdict = isGood(result) ? "passed" : "failed";
  const title = `${settings.scenario}, ${settings.rate} payments per second`;
  const body = html`<header><h1>${title}</h1>${badge(verdict)}</header>
<p class="about">${aboutRun(result)}</p>
${notesOf(result)}
<h2>Phases</h2>
${phasesTable(result)}
<h2>Ledger, by ${ledger.source}</h2>
${figures(ledgerFigures(ledger))}
<h2>Generator</h2>
${figures(generatorFigures(generator))}
<h2>Over time</h2>
<div class="plots">${plotsOf(result)}</div>
<h2>Limits</h2>
${limitsTable(result)}`;
  return renderPage(`${verdict}: ${title}`, body);
}

function badge(verdict: "passed" | "failed"): Html {
  return html`<span class="badge${verdict === "failed" ? " bad" : ""}">${verdict.toUpperCase()}</span>`;
}

function aboutRun({ date, k6, commit, machine, settings, seed, cards }: LoadResult): string {
  const day = `${date.slice(0, 10)} ${date.slice(11, 16)} UTC`;
  const load = `load ${machine.loadAverage.toFixed(1)} at the start`;
  const from = `seed ${seed}, ${cards.toLocaleString("en-US")} cards`;
  return `${day} · k6 ${k6} · commit ${commit} · ${machine.cpu}, ${machine.cores} cores, ${load} · ${settings.target} · ${from}`;
}

/** Faults, and information that readers need about the figures. */
function notesOf({ limits, ledger, fault, killed, breakpoint, wasInterrupted }: LoadResult): Content {
  const broken = crossed(limits);
  const faults = [
    fault?.sentence ?? "",
    broken.length === 0 ? "" : `${broken.length} of ${limits.length} limits were exceeded; see below`,
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
    ...faults.map((text) => html`<li class="bad-text">${text}</li>`),
    ...notes.map((text) => html`<li>${text}</li>`),
  ];
  return items.length === 0 ? [] : html`<ul class="notes">${items}</ul>`;
}

/** On a phone, each row becomes a list with names from `data-label`. */
function phasesTable({ phases }: LoadResult): Html {
  const head = COLUMNS.map(([title]) => html`<th>${title}</th>`);
  const rows = phases.map((phase) => {
    return html`<tr>${COLUMNS.map(([title, value]) => html`<td data-label="${title}">${value(phase)}</td>`)}</tr>`;
  });
  const footnote = phases.every(({ isLimited }) => isLimited)
    ? []
    : html`<p class="about">* without limits on latency and errors</p>`;
  return html`<table class="phases"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table>${footnote}`;
}

function limitsTable({ limits }: LoadResult): Html {
  const rows = limits.map(({ metric, condition, ok, value }) => {
    // Narrow screens break the line between name and tags.
    const name = metric.split(/(?=\{)/).map((text) => html`<wbr>${text}`);
    const was = value === undefined ? "" : Number(value.toPrecision(4));
    const cells = [name, condition, was, ok ? "held" : "crossed"].map((content) => html`<td>${content}</td>`);
    return ok ? html`<tr>${cells}</tr>` : html`<tr class="bad-text">${cells}</tr>`;
  });
  const head = html`<thead><tr><th>metric</th><th>limit</th><th>was</th><th></th></tr></thead>`;
  return html`<table class="limits">${head}<tbody>${rows}</tbody></table>`;
}

type Figure = readonly [name: string, value: string];

function figures(all: readonly Figure[]): Html {
  return html`<dl>${all.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
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

function plotsOf({ series, generator }: LoadResult): Html[] {
  const plotOf = (title: string, unit: string, lines: readonly Line[]): Html =>
    plotLines({ title, unit }, lines, series.secondsPerSlice);
  const line = (name: string, color: Line["color"], values: Line["values"]): Line => ({ name, color, values });
  const busyCores = series.machineBusy.map((share) => (share === null ? null : share * generator.cores));
  return [
    plotOf("Payments", "per second", [
      { ...line("due", "grey", series.askedPerS), isTarget: true },
      line("sent", "blue", series.sentPerS),
      line("decided", "green", series.decidedPerS),
    ]),
    plotOf("From request to decision, by time of the request", "ms", [
      line("p50", "blue", series.p50Ms),
      line("p99", "orange", series.p99Ms),
    ]),
    plotOf("Payments rejected, failed, undecided, or decided without the model", "per second", [
      line("refused", "orange", series.refusedPerS),
      line("failed", "red", series.failedPerS),
      line("undecided", "violet", series.undecidedPerS),
      line("degraded", "blue", series.degradedPerS),
    ]),
    plotOf("How late the generator sent its requests", "ms", [line("p99", "red", series.latenessP99Ms)]),
    plotOf(`Busy cores of ${generator.cores}`, "cores", [
      line("k6", "blue", series.k6Cores),
      line("all processes", "grey", busyCores),
    ]),
  ];
}
