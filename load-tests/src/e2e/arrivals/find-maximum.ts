import { percentile } from "../../harness/spread.js";
import type { ArrivalFigures } from "./drive-arrivals.js";
import { decidedPerSecond } from "./drive-arrivals.js";

export interface MaximumSearch {
  /** Runs the load for a while; rate 0 sends as fast as responses arrive. */
  readonly run: (ratePerSecond: number) => Promise<ArrivalFigures>;
  readonly log: (line: string) => void;
  readonly isShort: boolean;
}

/** A rate is sustained if all requests are decided, nearly all with the model, and p99 is within this limit. */
const P99_MS_MAX = 500;
const DEGRADED_SHARE_MAX = 0.001;
/** Shares of a closed loop's rate to try, highest first. The first sustained one is the result. */
const SHARES = [1.05, 1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];

/**
 * Finds the highest sustained rate. Starts at the rate of a closed loop, which sends as fast as responses arrive.
 * Callers cannot rely on that rate, because a closed loop has no bursts.
 */
export async function findMaximum({
  run,
  log,
  isShort,
}: MaximumSearch): Promise<{ ratePerSecond: number; notes: readonly string[] }> {
  const closedRate = decidedPerSecond(await run(0));
  log(`  closed loop: ${Math.round(closedRate)} per second`);
  if (isShort) return { ratePerSecond: closedRate / 2, notes: ["With --short: half the rate of a closed loop."] };
  for (const share of SHARES) {
    const ratePerSecond = Math.round(closedRate * share);
    const figures = await run(ratePerSecond);
    const fault = whyNotSustained(figures);
    log(`  ${ratePerSecond} per second: ${fault ?? "sustained"}`);
    if (fault === undefined) return { ratePerSecond, notes: [closedNote(closedRate)] };
  }
  const least = Math.round(closedRate * (SHARES.at(-1) ?? 0));
  return { ratePerSecond: least, notes: [closedNote(closedRate), "None of the rates tried was sustained."] };
}

const closedNote = (rate: number): string =>
  `A closed loop reached ${Math.round(rate)} per second; decisions_per_s is the highest rate of an open model with p99 within ${P99_MS_MAX} ms and all requests decided.`;

/** The reason why the load was not sustained, in words; undefined if it was. */
export function whyNotSustained(figures: ArrivalFigures): string | undefined {
  const { sent, decided, degraded, pending, refused, failed, latenciesMs } = figures;
  const answered = decided + degraded;
  if (answered < sent) return `of ${sent}, ${pending} pending, ${refused} refused, ${failed} failed`;
  if (degraded > sent * DEGRADED_SHARE_MAX) return `${degraded} of ${sent} decided without the model`;
  const p99Ms = percentile(latenciesMs, 0.99);
  return p99Ms > P99_MS_MAX ? `p99 of ${Math.round(p99Ms)} ms` : undefined;
}
