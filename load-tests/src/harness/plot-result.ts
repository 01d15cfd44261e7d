import type { BenchResult, PartResult } from "./result-file.js";
import { printNumber, printSpread } from "./spread.js";

/** What every contestant of a part may have, and a reader looks for first. */
const FIGURES = ["ops_per_s", "p99_ms", "cpu_us_per_op"];

const WIDTH_PX = 760;
const NAME_PX = 130;
const BAR_PX = 360;
const ROW_PX = 20;
const HEAD_PX = 26;

/** The medians of a result as bars with the lowest and highest round as whiskers: SVG. */
export function plotResult(result: BenchResult): string {
  const charts = result.parts.flatMap((part) => FIGURES.flatMap((figure) => chartOf(part, figure)));
  let top = HEAD_PX;
  const drawn = charts.map((chart) => {
    const text = drawChart(chart, top);
    top += HEAD_PX + chart.bars.length * ROW_PX + ROW_PX / 2;
    return text;
  });
  const title = escapeText(`${result.name}, ${result.date}, ${result.machine.cpu}, ${result.machine.cores} cores`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH_PX}" height="${top}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH_PX}" height="${top}" fill="#fff"/>`,
    `<text x="8" y="18" font-weight="bold">${title}</text>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

interface Bar {
  readonly name: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

interface Chart {
  readonly title: string;
  readonly bars: readonly Bar[];
}

function chartOf({ name: part, contestants }: PartResult, figure: string): Chart[] {
  const bars = contestants.flatMap(({ name, figures }) => {
    const spread = figures[figure];
    return spread === undefined ? [] : [{ name, ...spread }];
  });
  return bars.length === 0 ? [] : [{ title: `${part}: ${figure}`, bars }];
}

function drawChart({ title, bars }: Chart, top: number): string {
  const most = Math.max(...bars.map(({ high }) => high)) || 1;
  const px = (value: number) => Math.round((value / most) * BAR_PX * 10) / 10;
  const rows = bars.map(({ name, median, low, high }, index) => {
    const y = top + HEAD_PX + index * ROW_PX;
    const middle = y + ROW_PX / 2 - 2;
    const label = low === high ? printNumber(median) : printSpread({ median, low, high });
    return [
      `<text x="${NAME_PX}" y="${y + 12}" text-anchor="end">${escapeText(name)}</text>`,
      `<rect x="${NAME_PX + 8}" y="${y}" width="${px(median)}" height="${ROW_PX - 5}" fill="#4a7ab5"/>`,
      `<path d="M${NAME_PX + 8 + px(low)} ${middle}H${NAME_PX + 8 + px(high)}" stroke="#222" stroke-width="2"/>`,
      `<text x="${NAME_PX + BAR_PX + 18}" y="${y + 12}">${escapeText(label)}</text>`,
    ].join("");
  });
  return [`<text x="8" y="${top + 16}" font-weight="bold">${escapeText(title)}</text>`, ...rows].join("\n");
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
