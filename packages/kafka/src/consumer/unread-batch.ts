import { createHash } from "node:crypto";
import type { TriplineError } from "@tripline/contracts/error-table";

export interface UnreadContent {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** The number of records that the batch header states. */
  readonly count: number;
  /** The records as encoded on the topic. */
  readonly packed: Buffer;
  /** Why the records cannot be read. */
  readonly error: TriplineError;
}

/** Represents all records of an unreadable batch, at the offset of the last one. */
export class UnreadBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly count: number;
  readonly sizeBytes: number;
  /** Computed immediately, so that the fetch response can be garbage-collected. */
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
