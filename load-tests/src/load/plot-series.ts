/** A line of a chart; undefined where there is no value. */
export interface Line {
  readonly name: string;
  readonly color: string;
  readonly values: readonly (number | undefined)[];
}

export interface Chart {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** Of the drawing, which is stretched to whatever room there is; words and numbers stand outside and keep their size. */
const WIDTH = 1_000;
const HEIGHT = 200;
const Y_STEPS_MAX = 4;
/** As many labels as fit side by side on a phone. */
const X_STEPS_MAX = 6;
const MINUTE_S = 60;
const HOUR_S = 3_600;
const TIME_STEPS_S = [
  ...[1, 2, 5, 10, 15, 20, 30],
  ...[1, 2, 5, 10, 15, 20, 30].map((minutes) => minutes * MINUTE_S),
  ...[1, 2, 3, 6, 12, 24, 48, 96].map((hours) => hours * HOUR_S),
];

/** A mark on an axis: where it stands, from 0 to 1, and what it says. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** A chart of values over time, one a second or whatever `secondsPerValue` says, as HTML. */
export function plotSeries({ title, lines }: Chart, secondsPerValue: number): string {
  const count = Math.max(2, ...lines.map(({ values }) => values.length));
  const largest = Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const { most, ticks } = valueTicks(largest);
  const moments = timeTicks((count - 1) * secondsPerValue);
  const x = (index: number): number => (index / (count - 1)) * WIDTH;
  const y = (value: number): number => HEIGHT - (value / most) * HEIGHT;
  const grid = ticks.map(({ at }) => `M0 ${round(HEIGHT - at * HEIGHT)}H${WIDTH}`).join("");
  return [
    `<figure><figcaption>${escapeText(title)}</figcaption>`,
    `<ul class="legend">${lines.map(legend).join("")}</ul>`,
    '<div class="plot">',
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escapeText(title)}">`,
    `<path d="${grid}" ${stroke("#d8dee4", 1)}/>`,
    ...lines.map(({ values, color }) => `<path d="${pathOf(values, x, y)}" ${stroke(color, 1.5)}/>`),
    "</svg>",
    ...ticks.map(({ at, label }) => `<span class="y" style="top:${percent(1 - at)}">${label}</span>`),
    ...moments.map(({ at, label }) => `<span class="x" style="left:${percent(at)}">${label}</span>`),
    "</div></figure>",
  ].join("\n");
}

function legend({ name, color }: Line): string {
  return `<li><i style="background:${color}"></i>${escapeText(name)}</li>`;
}

/** A line that keeps its width however the drawing is stretched. */
function stroke(color: string, width: number): string {
  return `fill="none" stroke="${color}" stroke-width="${width}" vector-effect="non-scaling-stroke"`;
}

/** Marks from 0 to a round number that is not below `largest`, at most five. */
export function valueTicks(largest: number): { readonly most: number; readonly ticks: readonly Tick[] } {
  const step = largest > 0 ? niceStep(largest / Y_STEPS_MAX) : 1;
  const steps = Math.max(1, Math.ceil(largest / step - 1e-9));
  const ticks = Array.from({ length: steps + 1 }, (_value, index) => ({
    at: index / steps,
    label: String(Number((index * step).toPrecision(3))),
  }));
  return { most: steps * step, ticks };
}

/** Marks at round times, at most seven. */
export function timeTicks(seconds: number): readonly Tick[] {
  const longest = TIME_STEPS_S.at(-1) ?? HOUR_S;
  const step =
    TIME_STEPS_S.find((each) => seconds / each <= X_STEPS_MAX) ?? Math.ceil(seconds / X_STEPS_MAX / longest) * longest;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_value, index) => ({
    at: (index * step) / seconds,
    label: timeLabel(index * step, step),
  }));
}

function timeLabel(seconds: number, step: number): string {
  if (step >= HOUR_S) return `${seconds / HOUR_S} h`;
  return step >= MINUTE_S ? `${seconds / MINUTE_S} min` : `${seconds} s`;
}

/** A gap where a value is missing. */
function pathOf(
  values: readonly (number | undefined)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let path = "";
  let isDown = false;
  for (const [index, value] of values.entries()) {
    if (value === undefined || Number.isNaN(value)) {
      isDown = false;
      continue;
    }
    path += `${isDown ? "L" : "M"}${round(x(index))} ${round(y(value))}`;
    // A value between two gaps would not be seen.
    if (!isDown) path += "h0.1";
    isDown = true;
  }
  return path;
}

/** The next number of the kind 1, 2, 2.5 or 5 times a power of ten. */
function niceStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 2.5, 5, 10].find((each) => each * power >= value) ?? 10;
  return factor * power;
}

function percent(share: number): string {
  return `${round(share * 100)}%`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
