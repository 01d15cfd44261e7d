import { TriplineError } from "@tripline/contracts/error-table";
import type { StampedRecord } from "../client/client-library.js";
import { isRecordFault } from "../kafka-fault.js";
import { settlesWithin } from "../wait-backoff.js";

export interface GatherLimits {
  /** How long the first send of a request waits for others; 0: only for sends in the same turn of the event loop. */
  readonly lingerMs: number;
  /** Limits of one produce request. A record over `requestBytesMax` is sent alone. */
  readonly requestRecordsMax: number;
  readonly requestBytesMax: number;
  /** Limits for waiting and pending records together. */
  readonly pendingRecordsMax: number;
  readonly pendingBytesMax: number;
  /** How long a send waits without any acknowledgement. */
  readonly sendMsMax: number;
  /** How long `close` waits for earlier sends. */
  readonly drainMsMax: number;
}

export const GATHER_LIMITS: GatherLimits = {
  lingerMs: 1,
  requestRecordsMax: 1_000,
  // A whole request stays below the broker's limit for one partition, which is 1 MiB (message.max.bytes).
  requestBytesMax: 1_000_000,
  pendingRecordsMax: 20_000,
  pendingBytesMax: 64 * 1024 ** 2,
  sendMsMax: 2_000,
  drainMsMax: 5_000,
};

/** Minimum timeout of a request, even if its oldest record has almost reached its own deadline. */
const REQUEST_MS_MIN = 250;

export type Deliver = (records: readonly StampedRecord[], deadlineMs: number) => Promise<void>;

interface Send {
  readonly records: readonly StampedRecord[];
  readonly givenAtMs: number;
  readonly sizeBytes: number;
  readonly settle: (error?: TriplineError) => void;
  taken: number;
  acknowledged: number;
}

/** The records of one send that are part of the same request. */
interface Part {
  readonly send: Send;
  readonly records: readonly StampedRecord[];
}

/** Batches records that are sent at about the same time into one request, with only one pending request at a time. */
export class SendGatherer {
  readonly #waiting: Send[] = [];
  #pendingRecords = 0;
  #pendingBytes = 0;
  #untakenRecords = 0;
  #untakenBytes = 0;
  #acknowledgedAtMs = 0;
  /** Set while a request is scheduled; calling it cancels the request. */
  #cancel: (() => void) | undefined;
  #isPumping = false;
  /** Settles when the current or last requests have ended. */
  #pumped: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(
    private readonly deliver: Deliver,
    private readonly limits: GatherLimits = GATHER_LIMITS,
  ) {}

  /** @throws TriplineError like `EventProducer.send` */
  async send(records: readonly StampedRecord[]): Promise<void> {
    if (this.#isClosed) throw new TriplineError("shutting-down", "The producer is closed");
    if (records.length === 0) return;
    const sizeBytes = records.reduce((sum, record) => sum + record.sizeBytes, 0);
    const { pendingRecordsMax, pendingBytesMax } = this.limits;
    if (this.#pendingRecords + records.length > pendingRecordsMax || this.#pendingBytes + sizeBytes > pendingBytesMax) {
      throw new TriplineError("queue-full", `${this.#pendingRecords} records are already waiting for Kafka`);
    }
    return new Promise((resolve, reject) => {
      this.#pendingRecords += records.length;
      this.#pendingBytes += sizeBytes;
      this.#untakenRecords += records.length;
      this.#untakenBytes += sizeBytes;
      const settle = (error?: TriplineError) => {
        this.#pendingRecords -= records.length;
        this.#pendingBytes -= sizeBytes;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#waiting.push({ records, sizeBytes, settle, givenAtMs: performance.now(), taken: 0, acknowledged: 0 });
      this.#schedule();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pump();
    await settlesWithin(this.limits.drainMsMax, this.#pumped);
    for (const send of this.#waiting.splice(0)) {
      send.settle(new TriplineError("shutting-down", "The producer was closed before Kafka acknowledged the records"));
    }
  }

  #schedule(): void {
    if (this.#isPumping) return;
    const { requestRecordsMax, requestBytesMax, lingerMs } = this.limits;
    if (this.#untakenRecords >= requestRecordsMax || this.#untakenBytes >= requestBytesMax) this.#pump();
    else this.#cancel ??= later(() => this.#pump(), lingerMs);
  }

  #pump(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#isPumping || this.#waiting.length === 0) return;
    this.#isPumping = true;
    this.#pumped = this.#deliverAll();
  }

  async #deliverAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        this.#rejectOverdue();
        const parts = this.#take();
        if (parts.length > 0) await this.#deliverParts(parts);
      }
    } finally {
      // Reset in the same turn of the event loop as the last check, so that no record added in between is lost.
      this.#isPumping = false;
    }
  }

  #deadlineMs(send: Send): number {
    return Math.max(send.givenAtMs, this.#acknowledgedAtMs) + this.limits.sendMsMax;
  }

  #rejectOverdue(): void {
    const nowMs = performance.now();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#deadlineMs(first) > nowMs) return;
      this.#drop(first, new TriplineError("kafka-unavailable", "Kafka is not acknowledging any records"));
    }
  }

  #take(): Part[] {
    const parts: Part[] = [];
    const request = { records: 0, sizeBytes: 0 };
    let whole = 0;
    for (const send of this.#waiting) {
      const from = send.taken;
      this.#takeFrom(send, request);
      if (send.taken > from) parts.push({ send, records: send.records.slice(from, send.taken) });
      if (send.taken < send.records.length) break;
      whole += 1;
    }
    this.#waiting.splice(0, whole);
    this.#untakenRecords -= request.records;
    this.#untakenBytes -= request.sizeBytes;
    return parts;
  }

  #takeFrom(send: Send, request: { records: number; sizeBytes: number }): void {
    for (let next = send.records[send.taken]; next !== undefined; next = send.records[send.taken]) {
      if (request.records >= this.limits.requestRecordsMax) return;
      if (request.records > 0 && request.sizeBytes + next.sizeBytes > this.limits.requestBytesMax) return;
      request.records += 1;
      request.sizeBytes += next.sizeBytes;
      send.taken += 1;
    }
  }

  async #deliverParts(parts: readonly Part[]): Promise<void> {
    const oldest = parts[0];
    if (oldest === undefined) return;
    const deadlineMs = Math.max(this.#deadlineMs(oldest.send), performance.now() + REQUEST_MS_MIN);
    try {
      await this.deliver(
        parts.flatMap((part) => part.records),
        deadlineMs,
      );
      this.#acknowledgedAtMs = performance.now();
      for (const part of parts) acknowledge(part);
    } catch (thrown) {
      if (parts.length > 1 && isRecordFault(thrown)) {
        // A bad record in one send must not make the others fail, so each send is delivered separately, in the same
        // order.
        for (const part of parts) await this.#deliverParts([part]);
        return;
      }
      const error = thrown instanceof TriplineError ? thrown : new TriplineError("internal", String(thrown));
      for (const { send } of parts) this.#drop(send, error);
    }
  }

  #drop(send: Send, error: TriplineError): void {
    // Only the last send of a request can have remaining records. That send is then first in the queue.
    if (this.#waiting[0] === send) this.#waiting.shift();
    for (const record of send.records.slice(send.taken)) {
      this.#untakenRecords -= 1;
      this.#untakenBytes -= record.sizeBytes;
    }
    send.settle(error);
  }
}

/** @returns a function that cancels it */
function later(work: () => void, waitMs: number): () => void {
  if (waitMs > 0) {
    const timer = setTimeout(work, waitMs);
    return () => clearTimeout(timer);
  }
  const immediate = setImmediate(work);
  return () => clearImmediate(immediate);
}

function acknowledge({ send, records }: Part): void {
  send.acknowledged += records.length;
  if (send.acknowledged === send.records.length) send.settle();
}
