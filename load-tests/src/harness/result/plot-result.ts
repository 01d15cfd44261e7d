import type { Html } from "@tripline/report/html";
import { html } from "@tripline/report/html";
import { renderPage } from "@tripline/report/page";
import { plotBars } from "@tripline/report/plot";
import type { BenchResult, PartResult } from "./result-file.js";

/** Figures that most contestants have and readers look for first. */
const FIGURES = [
  { figure: "ops_per_s", title: "Throughput", unit: "operations per second" },
  { figure: "p99_ms", title: "Latency, 99th percentile", unit: "ms" },
  { figure: "cpu_us_per_op", title: "CPU time per operation", unit: "µs" },
];

/** A page with the medians of a result as bars, with whiskers from the lowest to the highest round. */
export function plotResult({ name, date, commit, machine, parts }: BenchResult): string {
  const title = `Benchmark ${name}`;
  const day = `${date.slice(0, 10)} ${date.slice(11, 16)} UTC`;
  return renderPage(
    `${title}, ${day}`,
    html`<header><h1>${title}</h1></header>
<p class="about">${day} · commit ${commit} · ${machine.cpu}, ${machine.cores} cores, load ${machine.loadAverage.toFixed(1)} at the start</p>
<p class="about">Bars: median of the rounds. Lines: from the lowest to the highest round.</p>
${parts.map(partOf)}`,
  );
}

function partOf({ name, title, notes, contestants }: PartResult): Html {
  const plots = FIGURES.flatMap(({ figure, title, unit }) => {
    const bars = contestants.flatMap((contestant) => {
      const spread = contestant.figures[figure];
      return spread === undefined ? [] : [{ name: contestant.name, ...spread }];
    });
    return bars.length === 0 ? [] : plotBars({ title: `${title} (${figure})`, unit }, bars);
  });
  return html`<h2>${name}: ${title}</h2>
<div class="plots">${plots}</div>
<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`;
}
