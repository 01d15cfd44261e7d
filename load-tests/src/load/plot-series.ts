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

const WIDTH_PX = 860;
const HEIGHT_PX = 220;
const LEFT_PX = 60;
const RIGHT_PX = 12;
const TOP_PX = 44;
const BOTTOM_PX = 26;
const GRID_LINES = 4;
const LABELS_MAX = 10;

/** A chart of values over time, one a second or whatever `secondsPerValue` says: SVG. */
export function plotSeries({ title, lines }: Chart, secondsPerValue: number): string {
  const count = Math.max(2, ...lines.map(({ values }) => values.length));
  const most = niceCeiling(Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0))));
  const x = (index: number): number => LEFT_PX + (index / (count - 1)) * (WIDTH_PX - LEFT_PX - RIGHT_PX);
  const y = (value: number): number => HEIGHT_PX - BOTTOM_PX - (value / most) * (HEIGHT_PX - TOP_PX - BOTTOM_PX);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH_PX} ${HEIGHT_PX}" width="${WIDTH_PX}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH_PX}" height="${HEIGHT_PX}" fill="#fff"/>`,
    `<text x="8" y="16" font-weight="bold">${escapeText(title)}</text>`,
    ...lines.map(({ name, color }, index) => legend(name, color, LEFT_PX + index * 150)),
    ...horizontals(most, y),
    ...moments(count, secondsPerValue, x),
    ...lines.map(
      ({ values, color }) => `<path d="${pathOf(values, x, y)}" fill="none" stroke="${color}" stroke-width="1.5"/>`,
    ),
    "</svg>",
  ].join("\n");
}

function legend(name: string, color: string, left: number): string {
  return `<path d="M${left} 30h18" stroke="${color}" stroke-width="3"/><text x="${left + 24}" y="34">${escapeText(name)}</text>`;
}

function horizontals(most: number, y: (value: number) => number): string[] {
  return Array.from({ length: GRID_LINES + 1 }, (_value, index) => {
    const value = (most * index) / GRID_LINES;
    const at = round(y(value));
    return (
      `<path d="M${LEFT_PX} ${at}H${WIDTH_PX - RIGHT_PX}" stroke="#ddd"/>` +
      `<text x="${LEFT_PX - 6}" y="${at + 4}" text-anchor="end" fill="#555">${Number(value.toPrecision(3))}</text>`
    );
  });
}

function moments(count: number, secondsPerValue: number, x: (index: number) => number): string[] {
  const step = Math.max(1, Math.ceil(count / LABELS_MAX));
  const labels: string[] = [];
  for (let index = 0; index < count; index += step) {
    const text = `${Math.round(index * secondsPerValue)} s`;
    labels.push(`<text x="${round(x(index))}" y="${HEIGHT_PX - 8}" text-anchor="middle" fill="#555">${text}</text>`);
  }
  return labels;
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
function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 2.5, 5, 10].find((each) => each * power >= value) ?? 10;
  return factor * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
