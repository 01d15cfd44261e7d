import type { PlotOptions } from "@observablehq/plot";
import { barX, lineY, plot, ruleX, ruleY, text } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Html, html } from "./html.js";

export interface PlotTitles {
  readonly title: string;
  /** Unit of the values. */
  readonly unit: string;
}

/** A line over time. */
export interface Line {
  readonly name: string;
  /** The page style has a light and a dark shade of each. */
  readonly color: "blue" | "green" | "orange" | "red" | "grey" | "violet";
  /** Null if there is no value. */
  readonly values: readonly (number | null)[];
  /** Drawn pale and wide, as a target for the other lines. */
  readonly isTarget?: boolean;
}

export interface Bar {
  readonly name: string;
  readonly median: number;
  /** The ends of the whisker. */
  readonly low: number;
  readonly high: number;
}

/**
 * Text scales with its drawing, so each plot is drawn twice, once for desktop and once for phone; the page shows one of
 * them.
 */
const SIZES = {
  wide: { widthPx: 1_080, linesHeightPx: 240, lineWidthPx: 1.5, barHeightPx: 26, tickSpacingPx: 100 },
  narrow: { widthPx: 358, linesHeightPx: 200, lineWidthPx: 1.2, barHeightPx: 42, tickSpacingPx: 65 },
};
const CHARACTER_PX = 7.2;
const DAY_MS = 86_400_000;
const TIME_UNITS = [
  { name: "d", seconds: 86_400 },
  { name: "h", seconds: 3_600 },
  { name: "min", seconds: 60 },
];

const { document } = parseHTML("<html></html>");

type Size = keyof typeof SIZES;

/** Lines over the time since a run started. */
export function plotLines(titles: PlotTitles, lines: readonly Line[], secondsPerValue: number): Html {
  const step = { firstMs: 0, stepMs: secondsPerValue * 1_000 };
  return drawLines(titles, lines, { ...step, tickFormat: printElapsed });
}

/** Lines with one value per day, from the day that starts at `firstMs`. */
export function plotDays(titles: PlotTitles, lines: readonly Line[], firstMs: number): Html {
  return drawLines(titles, lines, { firstMs, stepMs: DAY_MS, tickFormat: printDay });
}

interface TimeAxis {
  readonly firstMs: number;
  readonly stepMs: number;
  readonly tickFormat: (time: Date, index: number, times?: readonly Date[]) => string;
}

function drawLines(titles: PlotTitles, lines: readonly Line[], { firstMs, stepMs, tickFormat }: TimeAxis): Html {
  const count = Math.max(2, ...lines.map(({ values }) => values.length));
  const most = Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const atMs = (index: number) => firstMs + index * stepMs;
  const legend = lines.map(({ name, color }) => html`<li><i style="background:var(--${color})"></i>${name}</li>`);
  return figure(titles, html`<ul class="legend">${legend}</ul>`, (size) => ({
    height: SIZES[size].linesHeightPx,
    marginTop: 30,
    marginLeft: 52,
    x: { type: "utc", domain: [atMs(0), atMs(count - 1)], tickFormat, label: null },
    y: { domain: [0, most || 1], nice: 4, grid: true, ticks: 4, tickFormat: printNumber, label: titles.unit },
    marks: [
      ruleY([0], { strokeOpacity: 0.4 }),
      ...lines.map(({ values, color, isTarget = false }) =>
        lineY(values, {
          x: (_value: unknown, index: number) => atMs(index),
          y: (value: number | null) => value ?? Number.NaN,
          stroke: `var(--${color})`,
          strokeWidth: isTarget ? 6 : SIZES[size].lineWidthPx,
          strokeOpacity: isTarget ? 0.4 : 1,
        }),
      ),
    ],
  }));
}

export function plotBars(titles: PlotTitles, bars: readonly Bar[]): Html {
  const names = bars.map(({ name }) => name);
  const roomFor = (texts: readonly string[]) => Math.max(...texts.map(({ length }) => length)) * CHARACTER_PX + 12;
  const label = { y: "name", textAnchor: "start", fontVariant: "tabular-nums" } as const;
  return figure(titles, [], (size) => ({
    height: bars.length * SIZES[size].barHeightPx + 56,
    marginTop: 8,
    marginBottom: 48,
    marginLeft: 4,
    x: { grid: true, tickFormat: printNumber, label: titles.unit, labelAnchor: "center", labelOffset: 36 },
    y: { type: "band", domain: names, axis: null, padding: 0.6, align: 0.8 },
    // On a phone, there is no space for names and figures next to the bars, so they are above the bars.
    ...(size === "wide" && {
      marginLeft: roomFor(names),
      marginRight: roomFor(bars.map(printBar)),
      y: { type: "band", domain: names, label: null, tickSize: 0, padding: 0.35 },
    }),
    marks: [
      barX(bars, { x: "median", y: "name", fill: "var(--blue)" }),
      ruleY(bars, { x1: "low", x2: "high", y: "name", strokeWidth: 2 }),
      ruleX([0], { strokeOpacity: 0.4 }),
      size === "wide"
        ? text(bars, { ...label, x: "high", text: printBar, dx: 8 })
        : text(bars, { ...label, x: 0, text: (bar: Bar) => `${bar.name}: ${printBar(bar)}`, dx: 2, dy: -17 }),
    ],
  }));
}

function figure({ title }: PlotTitles, legend: Html | [], optionsFor: (size: Size) => PlotOptions): Html {
  const drawings = (["wide", "narrow"] as const).map((size) => {
    const { x, y, ...options } = optionsFor(size);
    const svg = plot({
      document,
      width: SIZES[size].widthPx,
      marginRight: 20,
      ...options,
      ariaLabel: title,
      x: { tickSpacing: SIZES[size].tickSpacingPx, labelArrow: "none", ...x },
      y: { labelArrow: "none", ...y },
      // The page's font and default colour, because Plot draws in `currentColor`.
      style: { fontFamily: "inherit", fontSize: "12px" },
    });
    svg.setAttribute("role", "img");
    svg.classList.add(size);
    return new Html(svg.outerHTML);
  });
  return html`<figure><figcaption>${title}</figcaption>${legend}${drawings}</figure>`;
}

function printBar({ median, low, high }: Bar): string {
  return low === high ? printNumber(median) : `${printNumber(median)} (${printNumber(low)}–${printNumber(high)})`;
}

/** Three significant digits, but all digits before the decimal point. */
function printNumber(value: number): string {
  return value.toLocaleString("en-US", value < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
}

/** Formats a duration in the largest unit in which every tick of the axis is an integer. */
function printElapsed(time: Date, _index: number, times: readonly Date[] = []): string {
  const [first = 0, second = 1_000] = times.map(Number);
  const isWhole = ({ seconds }: { seconds: number }) => (second - first) % (seconds * 1_000) === 0;
  const { name, seconds } = TIME_UNITS.find(isWhole) ?? { name: "s", seconds: 1 };
  return `${time.getTime() / 1_000 / seconds} ${name}`;
}

/** The day if the tick is at its start; otherwise nothing. */
function printDay(time: Date): string {
  return time.getTime() % DAY_MS === 0 ? time.toISOString().slice(5, 10) : "";
}
