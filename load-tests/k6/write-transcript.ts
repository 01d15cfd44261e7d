import type { Decided } from "./read-answer.ts";

/**
 * Writes one line per payment with the caller's view to the console, which k6 writes to a file (--console-output).
 * `load-tests/src/load/k6/read-transcript.ts` reads the file, for the ledger and the plots.
 */

export interface Seen {
  /** Number of the payment, the end of its transaction ID. */
  readonly number: number;
  /** Start of the request, ms from the start. */
  readonly atMs: number;
  /** How late the iteration started, in ms. */
  readonly latenessMs: number;
  /** From the request to the final response, ms. */
  readonly latencyMs: number;
  /** HTTP status of the payment itself; 0 without a response. */
  readonly status: number;
  readonly decided?: Decided | undefined;
}

export function paymentLine({ number, atMs, latenessMs, latencyMs, status, decided }: Seen): string {
  const decision = decided === undefined ? "- - -" : `${decided.outcome} ${decided.rung} ${decided.decidedAt}`;
  return `p ${number} ${atMs} ${latenessMs.toFixed(1)} ${latencyMs.toFixed(1)} ${status} ${decision}`;
}

/** Start of the scenario, ms since the epoch. */
export function startLine(startMs: number): string {
  return `s ${startMs}`;
}

/** For a payment that was sent twice: whether the caller got the same decision both times. */
export function retryLine(number: number, status: number, isSame: boolean): string {
  return `r ${number} ${status} ${isSame ? "same" : "differs"}`;
}

export function labelLine(number: number, status: number): string {
  return `l ${number} ${status}`;
}

export function badInputLine(number: number, status: number): string {
  return `b ${number} ${status}`;
}

/** Only `npm run load` reads the transcript. */
const isWanted = __ENV.TRIPLINE_TRANSCRIPT === "yes";

/** A running k6 script cannot write to any file, except through the console. */
export function writeTranscript(text: string): void {
  if (isWanted) console.log(text);
}
