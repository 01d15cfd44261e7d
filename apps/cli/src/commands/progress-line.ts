import type { BackfillProgress } from "@tripline/backfill/backfill";

/** The stream that progress is written to. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const REDRAW_MS = 200;
/** Without a terminal, a line cannot be redrawn, so new lines are rare. */
const LINE_MS = 10_000;

/**
 * A line with percentage, events per second and remaining time. On a terminal it is redrawn; elsewhere a new line is
 * written from time to time.
 */
export class ProgressLine {
  private shownAtMs = Number.NEGATIVE_INFINITY;
  private first: { readonly atMs: number; readonly doneEvents: number } | undefined;
  private open = false;

  constructor(
    private readonly output: ProgressOutput,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Shows the current activity while nothing can be counted. */
  say(text: string): void {
    this.#show(text);
  }

  update({ doneEvents, totalEvents }: BackfillProgress): void {
    const atMs = this.nowMs();
    this.first ??= { atMs, doneEvents };
    const isLast = doneEvents >= totalEvents;
    if (!isLast && atMs - this.shownAtMs < (this.output.isTTY === true ? REDRAW_MS : LINE_MS)) return;
    this.shownAtMs = atMs;
    const passedMs = atMs - this.first.atMs;
    const perSecond = passedMs > 0 ? ((doneEvents - this.first.doneEvents) / passedMs) * 1000 : 0;
    const percent = totalEvents === 0 ? 100 : Math.floor((doneEvents / totalEvents) * 100);
    const rate = perSecond > 0 ? `, ${Math.round(perSecond).toLocaleString("en")} events/s` : "";
    const left = perSecond > 0 && !isLast ? `, ${duration((totalEvents - doneEvents) / perSecond)} left` : "";
    this.#show(`${percent} % of ${totalEvents.toLocaleString("en")} events${rate}${left}`);
  }

  /** Ends the line, so that other output can follow. */
  end(): void {
    if (this.open) this.output.write("\r\x1b[2K");
    this.open = false;
  }

  #show(text: string): void {
    if (this.output.isTTY === true) this.output.write(`\r\x1b[2K${text}`);
    else this.output.write(`${text}\n`);
    this.open = this.output.isTTY === true;
  }
}

/** `h:mm:ss`, or `m:ss` below an hour. */
function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
