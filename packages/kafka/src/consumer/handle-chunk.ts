import type { TriplineError } from "@tripline/contracts/error-table";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { Log } from "../port.js";
import type { Backoff } from "../wait-backoff.js";
import { backoffMs, wait } from "../wait-backoff.js";

/** Number of retries for records with an error whose reaction is `retry-few`. */
const RETRIES_FEW = 5;
const BACKOFF: Backoff = { firstMs: 50, maxMs: 5_000 };

export interface ChunkSteps<R> {
  /** @param isRepeated whether handling these records has failed before */
  handle(records: readonly R[], isRepeated: boolean): Promise<void>;
  /** Writes the record as a dead letter. Resolves when Kafka has acknowledged it. */
  deadLetter(record: R, error: TriplineError): Promise<void>;
  /** Everything up to and including this record is done. Called in order. */
  done(last: R): void;
  /** An attempt to handle or dead-letter records has failed and will be repeated. */
  failing(error: TriplineError): void;
  /** Aborted when the partition is lost or the consumer closes. Retries stop then. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly backoff?: Backoff;
}

/**
 * Handles records of one partition in order, and reacts to errors as specified in `ERROR_TABLE`. If a record can never
 * be handled, its chunk is halved until the record is alone. The record is then dead-lettered, and the other records
 * continue.
 *
 * @returns whether the whole chunk is done; false if the signal was aborted first.
 * @throws TriplineError an error whose reaction is `stop`
 */
export async function handleChunk<R>(records: readonly R[], steps: ChunkSteps<R>): Promise<boolean> {
  return handlePart(records, steps, true);
}

async function handlePart<R>(records: readonly R[], steps: ChunkSteps<R>, isWhole: boolean): Promise<boolean> {
  const last = records.at(-1);
  if (last === undefined) return true;
  // Parts of a chunk are not retried again, except single records.
  const retriesFew = isWhole || records.length === 1 ? RETRIES_FEW : 0;
  const outcome = await tryHandling(records, steps, retriesFew);
  if (outcome === "aborted") return false;
  if (outcome === "handled") {
    steps.done(last);
    return true;
  }
  if (records.length > 1) {
    const middle = records.length >> 1;
    return (
      (await handlePart(records.slice(0, middle), steps, false)) &&
      (await handlePart(records.slice(middle), steps, false))
    );
  }
  if (!(await deadLetterRecord(last, outcome, steps))) return false;
  steps.done(last);
  return true;
}

/** Returns the error if the records can never be handled as they are. */
async function tryHandling<R>(
  records: readonly R[],
  steps: ChunkSteps<R>,
  retriesFew: number,
): Promise<"handled" | "aborted" | TriplineError> {
  let failedFew = 0;
  for (let tries = 1; !steps.signal.aborted; tries += 1) {
    try {
      await steps.handle(records, tries > 1);
      return "handled";
    } catch (thrown) {
      const error = asTriplineError(thrown);
      const reaction = error.row.kafka;
      if (reaction === "stop") throw error;
      if (reaction === "dead-letter") return error;
      if (reaction === "retry-few") {
        failedFew += 1;
        if (failedFew > retriesFew) return error;
      }
      await pause(tries, "consumer: retrying records", error, steps);
    }
  }
  return "aborted";
}

async function deadLetterRecord<R>(record: R, error: TriplineError, steps: ChunkSteps<R>): Promise<boolean> {
  for (let tries = 1; !steps.signal.aborted; tries += 1) {
    try {
      await steps.deadLetter(record, error);
      return true;
    } catch (thrown) {
      await pause(tries, "consumer: retrying a dead letter", asTriplineError(thrown), steps);
    }
  }
  return false;
}

async function pause<R>(tries: number, message: string, error: TriplineError, steps: ChunkSteps<R>): Promise<void> {
  const waitMs = backoffMs(steps.backoff ?? BACKOFF, tries);
  if (!steps.signal.aborted) steps.failing(error);
  steps.log("warn", message, { code: error.code, error: error.message, tries, waitMs });
  await wait(waitMs, steps.signal);
}
