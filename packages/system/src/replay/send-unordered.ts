import type { ProgressListener } from "@tripline/backfill/progress";
import type { KnownPayment } from "../client/payment.js";
import type { TriplineClient } from "../client/tripline-client.js";
import type { UpdatesOf } from "./send-updates.js";
import { sendUpdates } from "./send-updates.js";

export interface SendUnorderedOptions {
  readonly client: TriplineClient;
  /** In event order. */
  readonly payments: readonly KnownPayment[];
  /** Payments whose labels are due in this period, in the order of the labels. */
  readonly labels: readonly KnownPayment[];
  /** Updates may be counted after this function returns. */
  readonly updatesOf: UpdatesOf;
  readonly onProgress?: ProgressListener;
}

const CHUNK_PAYMENTS = 50;
const IN_FLIGHT_MAX = 8;
const WAIT_SECONDS = 25;

/**
 * Sends payments and labels concurrently, with several requests at a time, like many shops, so that events of a card or
 * terminal may be processed in a different order from that in which they occurred. Returns once all of them have been
 * decided or applied, and their updates accepted.
 */
export async function sendUnordered(options: SendUnorderedOptions): Promise<void> {
  const { client, payments, labels, updatesOf, onProgress } = options;
  const chunks = Math.ceil(payments.length / CHUNK_PAYMENTS);
  const labelsPerChunk = Math.ceil(labels.length / Math.max(1, chunks));
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < chunks) {
      const chunk = next;
      next += 1;
      const part = payments.slice(chunk * CHUNK_PAYMENTS, (chunk + 1) * CHUNK_PAYMENTS);
      const [decisions] = await Promise.all([
        client.decideAll(part, WAIT_SECONDS),
        client.applyLabels(labels.slice(chunk * labelsPerChunk, (chunk + 1) * labelsPerChunk), WAIT_SECONDS),
      ]);
      await sendUpdates(client, part, decisions, updatesOf);
      done += part.length;
      onProgress?.({ done, total: payments.length });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, work));
}
