import { html } from "@tripline/report/html";
import type { Slice } from "./read-schedule.js";
import { totalsOf } from "./read-schedule.js";

/** One payment, from the moment at which it was due until it was answered. */
export interface Panel {
  readonly title: string;
  /** Where the payment begins; slices are cut at both ends. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly slices: readonly Slice[];
}

const WIDTH_PX = 860;
const LABEL_PX = 82;
const TOTALS_PX = 230;
const LANE_PX = 20;
const BAR_PX = 12;
const HEAD_PX = 30;
const AXIS_PX = 26;
const LEGEND_PX = 26;
/** Narrower ones could not be seen. */
const BAR_PX_MIN = 0.8;
const TICKS_MAX = 8;
const US_PER_MS = 1_000;

/** A picture of payments, one below the other on the same scale, legible on white and on black. */
export function drawTimeline(lanes: readonly string[], panels: readonly Panel[]): string {
  const panelPx = HEAD_PX + lanes.length * LANE_PX + AXIS_PX;
  const height = LEGEND_PX + panels.length * panelPx;
  const lengthUs = Math.max(...panels.map(({ fromUs, toUs }) => toUs - fromUs));
  const drawn = panels.map((panel, index) => drawPanel(panel, lanes, lengthUs, LEGEND_PX + index * panelPx));
  return `${html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH_PX} ${height}" role="img" aria-label="What each process did while a payment was decided">
${STYLE}
<rect class="page" width="${WIDTH_PX}" height="${height}"/>
<rect class="ran" x="${LABEL_PX}" y="9" width="14" height="${BAR_PX}"/><text x="${LABEL_PX + 20}" y="19">ran</text>
<rect class="waited" x="${LABEL_PX + 62}" y="9" width="14" height="${BAR_PX}"/><text x="${LABEL_PX + 82}" y="19">could have run, waited for a processor</text>
${drawn}
</svg>`}\n`;
}

const STYLE = html`<style>
text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 } .small { font-size: 11px; fill: #57606a }
.page { fill: #fff } .grid { stroke: #d0d7de } .ran { fill: #0969da; stroke: #0969da } .waited { fill: #e16f24; stroke: #e16f24 } path { stroke-width: ${BAR_PX} }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .page { fill: #0d1117 } .grid { stroke: #30363d } .ran { fill: #58a6ff; stroke: #58a6ff } .waited { fill: #f0883e; stroke: #f0883e }
}
</style>`;

function drawPanel({ title, fromUs, slices }: Panel, lanes: readonly string[], lengthUs: number, top: number) {
  const plotPx = WIDTH_PX - LABEL_PX - TOTALS_PX;
  const xOf = (us: number): number => LABEL_PX + (us / lengthUs) * plotPx;
  const lanesTop = top + HEAD_PX;
  const bottom = lanesTop + lanes.length * LANE_PX;
  const middleOf = (index: number): number => lanesTop + (index + 0.5) * LANE_PX;
  // What ran is drawn last: of several threads in one lane it is the one to be seen.
  const bars = (["waited", "ran"] as const).flatMap((state) =>
    lanes.map((lane, index) => {
      const own = slices.filter((slice) => slice.lane === lane && slice.state === state);
      const strokes = own.map((slice) => {
        const x = xOf(slice.fromUs - fromUs);
        const width = Math.max(BAR_PX_MIN, xOf(slice.toUs - fromUs) - x);
        return `M${x.toFixed(1)} ${middleOf(index)}h${width.toFixed(1)}`;
      });
      return html`<path class="${state}" d="${strokes.join("")}"/>
`;
    }),
  );
  const names = lanes.map((lane, index) => {
    const y = middleOf(index) + 4;
    const { wakes, ranUs, waitedUs } = totalsOf(slices, lane);
    const totals = `${wakes} wakes, ran ${ms(ranUs)}, waited ${ms(waitedUs)} ms`;
    return html`<text x="4" y="${y}">${lane}</text><text class="small" x="${WIDTH_PX - TOTALS_PX + 10}" y="${y}">${totals}</text>
`;
  });
  const ticks = ticksOf(lengthUs).map((us) => {
    const x = xOf(us).toFixed(1);
    return html`<line class="grid" x1="${x}" x2="${x}" y1="${lanesTop}" y2="${bottom}"/><text class="small" x="${x}" y="${bottom + 14}" text-anchor="middle">${us / US_PER_MS} ms</text>
`;
  });
  return html`<text class="title" x="4" y="${top + 20}">${title}</text>
${ticks}${bars}${names}`;
}

const ms = (us: number): string => (us / US_PER_MS).toFixed(1);

/** Whole milliseconds, at most so many. */
function ticksOf(lengthUs: number): number[] {
  const lengthMs = lengthUs / US_PER_MS;
  const stepMs = [1, 2, 5, 10, 20, 50, 100].find((step) => lengthMs / step <= TICKS_MAX) ?? lengthMs;
  return Array.from({ length: Math.floor(lengthMs / stepMs) + 1 }, (_, index) => index * stepMs * US_PER_MS);
}
