import type { RebuildListener, RebuildReport, RebuildStep } from "./rebuild-state.js";

const REDRAW_MS = 100;

/** A line per step, which counts on while it runs where somebody watches. */
export function progressPrinter(out: NodeJS.WriteStream): RebuildListener & { end(): void } {
  let current: RebuildStep | undefined;
  let count: number | undefined;
  let drawnAtMs = 0;
  const line = () => `  ${current}${count === undefined ? "" : `: ${count.toLocaleString("en")}`}`;
  const end = () => {
    if (current !== undefined) out.write(`${out.isTTY ? "\r\x1b[2K" : ""}${line()}\n`);
    current = undefined;
  };
  const listen = (step: RebuildStep, done?: number) => {
    if (step !== current) end();
    current = step;
    count = done;
    if (!out.isTTY || performance.now() - drawnAtMs < REDRAW_MS) return;
    drawnAtMs = performance.now();
    out.write(`\r\x1b[2K${line()} …`);
  };
  return Object.assign(listen, { end });
}

/** What the lake lacked, a sentence each, and the counts. */
export function rebuildLines(report: RebuildReport): string[] {
  const { states, events, incomplete, repeated, doubled, flagged, lost } = report;
  const counts = `states=${states} events=${events} incomplete=${incomplete} repeated=${repeated} doubled=${doubled}`;
  return [...lost, `rebuild-state: ${counts} flagged=${flagged}`];
}
