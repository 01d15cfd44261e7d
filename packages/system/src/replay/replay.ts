import type { ProgressListener } from "@tripline/backfill/progress";
import type { KnownPayment } from "../client/payment.js";
import type { ApiDecision, TriplineClient } from "../client/tripline-client.js";
import type { SliceOptions } from "./replay-slices.js";
import { replaySlices } from "./replay-slices.js";
import type { UpdatesOf } from "./send-updates.js";
import { sendUpdates } from "./send-updates.js";

export interface ReplayOptions extends SliceOptions {
  readonly client: TriplineClient;
  /** Sent after the decisions on a slice. Updates may be counted after later slices, or after this function returns. */
  readonly updatesOf?: UpdatesOf;
  readonly onDecision?: (payment: KnownPayment, decision: ApiDecision) => void;
  readonly onProgress?: ProgressListener;
  /** Called after each slice; tests inject failures here. */
  readonly onSlice?: (slicesDone: number) => void | Promise<void>;
}

export interface ReplayResult {
  readonly payments: number;
  readonly labels: number;
  readonly slices: number;
}

const WAIT_SECONDS = 25;

/**
 * Sends history through the public API as fast as possible, but keeps causes before their effects: it sends one slice
 * after another, and each slice only after every payment of the previous slice has been decided and every label
 * applied.
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { client, payments: all, updatesOf } = options;
  let payments = 0;
  let labels = 0;
  let slices = 0;
  for (const slice of replaySlices(options)) {
    const [decisions] = await Promise.all([
      client.decideAll(slice.payments, WAIT_SECONDS),
      client.applyLabels(slice.labels, WAIT_SECONDS),
    ]);
    for (const [index, payment] of slice.payments.entries()) {
      const decision = decisions[index];
      if (decision !== undefined) options.onDecision?.(payment, decision);
    }
    if (updatesOf !== undefined) await sendUpdates(client, slice.payments, decisions, updatesOf);
    payments += slice.payments.length;
    labels += slice.labels.length;
    slices += 1;
    options.onProgress?.({ done: payments, total: all.length });
    await options.onSlice?.(slices);
  }
  return { payments, labels, slices };
}
