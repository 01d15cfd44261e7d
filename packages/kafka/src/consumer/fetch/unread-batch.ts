import { createHash } from "node:crypto";
import type { TriplineError } from "@tripline/contracts/error-table";
import type { IHeaders, RecordBatchEntry } from "kafkajs";
import type { BatchContext } from "./decoded-message.js";

export interface UnreadContent {
  /** Of its first and its last record. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly timestampMs: number;
  /** How many records it has, as it says itself. */
  readonly count: number;
  /** The records as they stand on the topic. */
  readonly packed: Buffer;
  /** Why they are not read. */
  readonly error: TriplineError;
}

/** Stands for all records of a batch that cannot be read: kafkajs takes it for one record, in place of the last. */
export class UnreadBatch implements RecordBatchEntry {
  readonly magicByte = 2;
  readonly attributes = 0;
  readonly key = null;
  readonly value = null;
  readonly headers: IHeaders = {};
  readonly isControlRecord = false;
  readonly offset: string;
  readonly timestamp: string;
  readonly firstOffset: number;
  readonly count: number;
  readonly sizeBytes: number;
  /** Taken at once, so that the answer to the fetch need not be kept. */
  readonly sha256: string;
  readonly error: TriplineError;

  constructor(
    content: UnreadContent,
    readonly batchContext: BatchContext,
  ) {
    this.offset = String(content.lastOffset);
    this.timestamp = String(content.timestampMs);
    this.firstOffset = content.firstOffset;
    this.count = content.count;
    this.sizeBytes = content.packed.length;
    this.sha256 = createHash("sha256").update(content.packed).digest("hex");
    this.error = content.error;
  }
}
