import { createHash } from "node:crypto";
import type { TriplineError } from "@tripline/contracts/error-table";

export interface UnreadContent {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** How many records it has, as it says itself. */
  readonly count: number;
  /** The records as they stand on the topic. */
  readonly packed: Buffer;
  /** Why they are not read. */
  readonly error: TriplineError;
}

/** Stands for all records of a batch that cannot be read, in place of the last. */
export class UnreadBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly count: number;
  readonly sizeBytes: number;
  /** Computed at once, so that the answer to the fetch need not be kept. */
  readonly sha256: string;
  readonly error: TriplineError;

  constructor({ firstOffset, lastOffset, count, packed, error }: UnreadContent) {
    this.firstOffset = firstOffset;
    this.lastOffset = lastOffset;
    this.count = count;
    this.sizeBytes = packed.length;
    this.sha256 = createHash("sha256").update(packed).digest("hex");
    this.error = error;
  }
}
