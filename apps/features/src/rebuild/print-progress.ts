import type { RebuildListener, RebuildReport, RebuildStep } from "./rebuild-state.js";

const REDRAW_MS = 100;
const MINUTE_S = 60;

/** Prints one line per step; on a terminal, the line is updated while the step runs. */
export function progressPrinter(out: NodeJS.WriteStream): RebuildListener & { end(): void } {
  let current: RebuildStep | undefined;
  let count: number | undefined;
  let all: number | undefined;
  /** The first count of the step. An interrupted run may have reached it. */
  let first = 0;
  let beganAtMs = 0;
  let drawnAtMs = 0;
  const line = () => {
    const of = all === undefined ? "" : ` of ${all.toLocaleString("en")}`;
    return `  ${current}${count === undefined ? "" : `: ${count.toLocaleString("en")}${of}`}`;
  };
  const left = () => {
    if (all === undefined || count === undefined || count === first) return "";
    const seconds = ((performance.now() - beganAtMs) / 1000) * ((all - count) / (count - first));
    return seconds < MINUTE_S ? `, ${Math.ceil(seconds)} s left` : `, ${Math.ceil(seconds / MINUTE_S)} min left`;
  };
  const end = () => {
    if (current !== undefined) out.write(`${out.isTTY ? "\r\x1b[2K" : ""}${line()}\n`);
    current = undefined;
  };
  const listen = (step: RebuildStep, done?: number, total?: number) => {
    if (step !== current) {
      end();
      beganAtMs = performance.now();
      first = done ?? 0;
    }
    current = step;
    count = done;
    all = total;
    if (!out.isTTY || performance.now() - drawnAtMs < REDRAW_MS) return;
    drawnAtMs = performance.now();
    out.write(`\r\x1b[2K${line()}${left()} …`);
  };
  return Object.assign(listen, { end });
}

/** One sentence about each missing part of the lake, and the counts. */
export function rebuildLines(report: RebuildReport): string[] {
  const { states, events, incomplete, repeated, doubled, flagged, lost, snapshot, published } = report;
  const counts = `states=${states} events=${events} incomplete=${incomplete} repeated=${repeated} doubled=${doubled}`;
  const from = snapshot === undefined ? "" : ` snapshot=${snapshot}`;
  const to = published === undefined ? "" : ` published=${published}`;
  return [...lost, `rebuild-state: ${counts} flagged=${flagged}${from}${to}`];
}
