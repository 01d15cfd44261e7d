import { parseHTML } from "linkedom";
import type { Html } from "./html.js";
import type { Line } from "./plot.js";
import { plotBars, plotDays, plotLines } from "./plot.js";

const line = (values: Line["values"]): Line => ({ name: "p99", color: "blue", values });

function plotOf(values: Line["values"], secondsPerValue = 1): Html {
  return plotLines({ title: "Latency", unit: "ms" }, [line(values)], secondsPerValue);
}

/** The texts of one of the two drawings, ticks and labels alike. */
function textsOf(plot: Html, size: "wide" | "narrow"): string[] {
  const { document } = parseHTML(`<html><body>${plot}</body></html>`);
  return [...document.querySelectorAll(`svg.${size} text`)].map((text) => text.textContent ?? "");
}

/** The path of the line. */
function pathOf(plot: Html): string {
  const { document } = parseHTML(`<html><body>${plot}</body></html>`);
  return document.querySelector('svg.wide g[aria-label="line"] path')?.getAttribute("d") ?? "";
}

const DURATIONS_S = [2, 7, 10, 59, 60, 61, 104, 119, 600, 601, 3_599, 3_600, 43_200, 43_272, 604_800, 5e6];

test.each(DURATIONS_S)("the ticks of %d seconds are distinct whole numbers that fit on a phone", (seconds) => {
  const ticks = textsOf(plotOf([0, 0], seconds), "narrow").filter((text) => /^\d+ (s|min|h|d)$/.test(text));
  expect(ticks.length).toBeGreaterThan(1);
  const spacingPx = 286 / (ticks.length - 1);
  for (const tick of ticks) expect(tick.length * 7).toBeLessThan(spacingPx);
  expect(new Set(ticks).size).toBe(ticks.length);
});

test("time ticks use the largest unit that gives whole numbers", () => {
  const ticksOf = (seconds: number) =>
    textsOf(plotOf([0, 0], seconds), "narrow").filter((text) => /\d (s|m|h)/.test(text));
  expect(ticksOf(61)).toEqual(["0 s", "15 s", "30 s", "45 s", "60 s"]);
  expect(ticksOf(3_600)).toEqual(["0 min", "15 min", "30 min", "45 min", "60 min"]);
  expect(ticksOf(43_272)).toEqual(["0 h", "3 h", "6 h", "9 h", "12 h"]);
});

test.each([0, 0.003, 0.9, 1, 3, 10, 12, 230, 250, 251, 999, 5_000, 123_456])(
  "no value up to %d exceeds the axis, which starts at 0 and has its unit",
  (most) => {
    const texts = textsOf(plotOf([0, most]), "wide");
    expect(texts).toContain("ms");
    const ticks = texts.map((text) => Number(text.replaceAll(",", ""))).filter((tick) => !Number.isNaN(tick));
    expect(Math.min(...ticks)).toBe(0);
    expect(Math.max(...ticks)).toBeGreaterThanOrEqual(most);
    expect(ticks.length).toBeLessThanOrEqual(9);
  },
);

test("draws a missing value as a gap, and a single value between two gaps", () => {
  expect(pathOf(plotOf([1, 2, 3, 4, 5])).match(/M/g)).toHaveLength(1);
  expect(pathOf(plotOf([1, 2, null, 4, 5])).match(/M/g)).toHaveLength(2);
  expect(pathOf(plotOf([1, 2, null, 4, null])).match(/M/g)).toHaveLength(2);
  expect(pathOf(plotOf([null, null]))).not.toContain("NaN");
});

test("labels bars with their values, on desktops and phones", () => {
  const unit = "operations per second";
  const bars = [
    { name: "<ours>", median: 15_665.4, low: 14_680, high: 16_650 },
    { name: "theirs", median: 17.04, low: 17.04, high: 17.04 },
  ];
  const plot = plotBars({ title: "Throughput & more", unit }, bars);
  const wide = textsOf(plot, "wide");
  for (const text of ["<ours>", "theirs", "15,665 (14,680–16,650)", "17", unit]) expect(wide).toContain(text);
  const narrow = textsOf(plot, "narrow");
  for (const text of ["<ours>: 15,665 (14,680–16,650)", "theirs: 17", unit]) expect(narrow).toContain(text);
  expect(String(plot)).toContain("<figcaption>Throughput &amp; more</figcaption>");
  expect(String(plot)).not.toContain("<ours>");
});

test.each([1, 2, 7, 50, 400])("the ticks of %d days are on different days", (days) => {
  const firstMs = Date.UTC(2026, 1, 27);
  const plot = plotDays({ title: "Stopped", unit: "%" }, [line(Array.from({ length: days }, () => 3))], firstMs);
  const ticks = textsOf(plot, "narrow").filter((text) => /^\d\d-\d\d$/.test(text));
  expect(ticks.length).toBeGreaterThan(0);
  if (days < 365) expect(new Set(ticks).size).toBe(ticks.length);
  if (days < 8) expect(ticks[0]).toBe("02-27");
});
