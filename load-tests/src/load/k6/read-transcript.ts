import { hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { BenchError } from "../../harness/bench-error.js";

/** Maximum number of payments per run, because their numbers and times are kept in memory. */
export const NUMBERS_MAX = 50_000_000;
const CAPACITY_FIRST = 1_024;

const PRINT_DIGITS = 12;

/** A 48-bit hash of a decision, because the decisions of a long run would not fit into memory. Never 0. */
export function printOf(outcome: string, rung: string, decidedAtMs: number): number {
  const digits = hash("sha1", `${outcome} ${rung} ${decidedAtMs}`, "hex").slice(0, PRINT_DIGITS);
  return 1 + Number.parseInt(digits, 16);
}

/** The callers' view of a run's payments, as written by k6 (load-tests/k6/write-transcript.ts), in columns. */
export class Transcript {
  /** Payment numbers, in the order in which the payments were completed. */
  numbers = new Uint32Array(CAPACITY_FIRST);
  /** Milliseconds from the start of the scenario. */
  atMs = new Uint32Array(CAPACITY_FIRST);
  latenessMs = new Float32Array(CAPACITY_FIRST);
  latencyMs = new Float32Array(CAPACITY_FIRST);
  /** HTTP status; 0 without a response. */
  statuses = new Uint16Array(CAPACITY_FIRST);
  /** Index into `rungs` plus one; 0 if no decision was returned. */
  rungOf = new Uint8Array(CAPACITY_FIRST);
  /** `printOf` the returned decision; 0 if there was none. */
  prints = new Float64Array(CAPACITY_FIRST);
  readonly rungs: string[] = [];
  readonly counts = { retries: 0, differing: 0, labels: 0, labelsApplied: 0, badInput: 0, badInputAccepted: 0 };
  count = 0;
  /** Start of the scenario, ms since the epoch; undefined before the first payment. */
  startMs: number | undefined;

  /** @param numbersEach the gap between the payment numbers of consecutive requests, see `numbersPerIteration` */
  constructor(private readonly numbersEach = 1) {}

  add(line: string): void {
    const [kind, number = "", ...fields] = line.split(" ");
    if (kind === "p") this.addPayment(Number(number), fields);
    else if (kind === "r") this.addRetry(fields);
    else if (kind === "l") this.addLabel(fields);
    else if (kind === "b") this.addBadInput(fields);
    else if (kind === "s") this.startMs = Number(number);
    else throw new BenchError(`The k6 transcript contains a line that is not a payment: ${line.slice(0, 80)}`);
  }

  isAccepted(index: number): boolean {
    const status = this.statuses[index];
    return status === 200 || status === 202;
  }

  /** Whether this is the first payment of its request. Figures about requests count only these. */
  isFirst(index: number): boolean {
    return (this.numbers[index] ?? 0) % this.numbersEach === 0;
  }

  /** Start of the last request, since the start of the scenario. */
  endSeconds(): number {
    return this.atMs.subarray(0, this.count).reduce((last, atMs) => Math.max(last, atMs), 0) / 1_000;
  }

  isDegraded(index: number): boolean {
    const rung = this.rungOf[index] ?? 0;
    return rung > 0 && this.rungs[rung - 1] !== "model";
  }

  private addPayment(number: number, fields: readonly string[]): void {
    const [atMs, latenessMs, latencyMs, status, outcome = "-", rung = "-", decidedAt = "-"] = fields;
    if (number > NUMBERS_MAX) throw new BenchError(`A run can send ${NUMBERS_MAX} payments; use a shorter run.`);
    if (this.count === this.numbers.length) this.grow();
    const index = this.count;
    this.numbers[index] = number;
    this.atMs[index] = Number(atMs);
    this.latenessMs[index] = Number(latenessMs);
    this.latencyMs[index] = Number(latencyMs);
    this.statuses[index] = Number(status);
    if (outcome !== "-") {
      this.rungOf[index] = 1 + this.placeOf(rung);
      this.prints[index] = printOf(outcome, rung, Date.parse(decidedAt));
    }
    this.count += 1;
  }

  private addRetry([, same]: readonly string[]): void {
    this.counts.retries += 1;
    if (same !== "same") this.counts.differing += 1;
  }

  private addLabel([status]: readonly string[]): void {
    this.counts.labels += 1;
    if (status === "200") this.counts.labelsApplied += 1;
  }

  private addBadInput([status]: readonly string[]): void {
    this.counts.badInput += 1;
    if (status === "200" || status === "202") this.counts.badInputAccepted += 1;
  }

  private placeOf(rung: string): number {
    const place = this.rungs.indexOf(rung);
    return place === -1 ? this.rungs.push(rung) - 1 : place;
  }

  private grow(): void {
    const length = this.numbers.length * 2;
    const longer = <T extends { set(values: ArrayLike<number>): void } & ArrayLike<number>>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.numbers = longer(new Uint32Array(length), this.numbers);
    this.atMs = longer(new Uint32Array(length), this.atMs);
    this.latenessMs = longer(new Float32Array(length), this.latenessMs);
    this.latencyMs = longer(new Float32Array(length), this.latencyMs);
    this.statuses = longer(new Uint16Array(length), this.statuses);
    this.rungOf = longer(new Uint8Array(length), this.rungOf);
    this.prints = longer(new Float64Array(length), this.prints);
  }
}

/** @throws BenchError if the file does not exist or contains something else */
export async function readTranscript(path: string, numbersEach: number): Promise<Transcript> {
  const transcript = new Transcript(numbersEach);
  try {
    for await (const line of createInterface({ input: createReadStream(path, "utf8") })) {
      if (line !== "") transcript.add(line);
    }
  } catch (error) {
    if (error instanceof BenchError) throw error;
    throw new BenchError(`k6 wrote no transcript to ${path}; see the k6 log in the same folder.`);
  }
  return transcript;
}
