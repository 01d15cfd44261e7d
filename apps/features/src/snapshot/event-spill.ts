import { createReadStream } from "node:fs";
import { appendFile, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  AppliedLabel,
  AppliedPaymentUpdate,
  FeatureVector,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { lakeUnavailable } from "@tripline/lake/log/lake-disk";
import type { CountedName } from "@tripline/lake/read/counted-range";
import { COUNTED_NAMES } from "@tripline/lake/read/counted-range";
import type { CountedEvent, PlacedEvent } from "@tripline/lake/read/read-counted";

/** An event paired with one of its entities. */
export interface SpilledEvent {
  /** Index of the entity in the spec. */
  readonly entity: number;
  readonly placed: PlacedEvent;
}

/* A record, little-endian: u32 length of the rest, u8 topic, u8 entity, u32 partition, f64 offset, the event. */
const HEADER_BYTES = 18;
/** Bytes buffered before a write, across all files. */
const BUFFER_BYTES = 32 << 20;
const READ_BYTES = 1 << 20;
const SUFFIX = ".events";

/** Keeps events in files until their slice is folded. Methods throw TriplineError `lake-unavailable` on disk faults. */
export class EventSpill {
  readonly #buffered = new Map<string, Buffer[]>();
  #bytes = 0;

  constructor(private readonly folder: string) {}

  /** Deletes all files of events. */
  async clear(): Promise<void> {
    for (const path of await this.#files()) await rm(path, { force: true }).catch(failed);
  }

  /** Writes all events to the disk, so that they survive a crash of the machine. */
  async sync(): Promise<void> {
    await this.flush();
    for (const path of await this.#files()) {
      const file = await open(path, "r+").catch(failed);
      try {
        await file.sync().catch(failed);
      } finally {
        await file.close();
      }
    }
  }

  /**
   * Keeps the order within each file. Call `flushIfFull` regularly.
   *
   * @param files for each entity of the spec, the file for it; undefined if the event does not have the entity
   */
  add(placed: PlacedEvent, files: readonly (string | undefined)[]): void {
    const body = encode(placed.event);
    for (const [entity, file] of files.entries()) {
      if (file === undefined) continue;
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32LE(HEADER_BYTES - 4 + body.length);
      header.writeUInt8(COUNTED_NAMES.indexOf(placed.topic), 4);
      header.writeUInt8(entity, 5);
      header.writeUInt32LE(placed.partition, 6);
      header.writeDoubleLE(placed.offset, 10);
      const buffers = this.#buffered.get(file) ?? [];
      if (buffers.length === 0) this.#buffered.set(file, buffers);
      buffers.push(header, Buffer.from(body.buffer, body.byteOffset, body.byteLength));
      this.#bytes += HEADER_BYTES + body.length;
    }
  }

  async flushIfFull(): Promise<void> {
    if (this.#bytes >= BUFFER_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    for (const [file, buffers] of this.#buffered) {
      await appendFile(join(this.folder, file), Buffer.concat(buffers)).catch(failed);
    }
    this.#buffered.clear();
    this.#bytes = 0;
  }

  /** The events of a file in the order in which they were added; none if there is no such file. */
  async *read(file: string): AsyncGenerator<SpilledEvent> {
    let rest: Buffer = Buffer.alloc(0);
    try {
      const chunks: AsyncIterable<Buffer> = createReadStream(join(this.folder, file), { highWaterMark: READ_BYTES });
      for await (const chunk of chunks) {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        let at = 0;
        while (rest.length >= at + 4 && rest.length >= at + 4 + rest.readUInt32LE(at)) {
          const end = at + 4 + rest.readUInt32LE(at);
          yield decode(rest.subarray(at, end));
          at = end;
        }
        rest = rest.subarray(at);
      }
    } catch (thrown) {
      if (Reflect.get(Object(thrown), "code") !== "ENOENT") failed(thrown);
    }
  }

  async #files(): Promise<readonly string[]> {
    const names = await readdir(this.folder).catch(failed);
    return names.filter((name) => name.endsWith(SUFFIX)).map((name) => join(this.folder, name));
  }
}

/** Omits everything that states do not depend on, above all sealed personal data. */
function encode(event: CountedEvent): Uint8Array {
  if (event.kind === "label") return AppliedLabel.encode(event.applied).finish();
  if (event.kind === "update") return AppliedPaymentUpdate.encode(event.applied).finish();
  const { vector } = event;
  const transaction = vector.transaction && { ...vector.transaction, personal: undefined };
  return FeatureVector.encode({ ...vector, transaction, values: [], profileTimesMs: [] }).finish();
}

function decode(record: Buffer): SpilledEvent {
  const topic: CountedName = COUNTED_NAMES[record.readUInt8(4)] ?? "features";
  const event = decodeEvent(topic, record.subarray(HEADER_BYTES));
  const placed = { event, topic, partition: record.readUInt32LE(6), offset: record.readDoubleLE(10) };
  return { entity: record.readUInt8(5), placed };
}

function decodeEvent(topic: CountedName, body: Buffer): CountedEvent {
  switch (topic) {
    case "features":
      return { kind: "payment", vector: FeatureVector.decode(body) };
    case "appliedLabels":
      return { kind: "label", applied: AppliedLabel.decode(body) };
    case "appliedPaymentUpdates":
      return { kind: "update", applied: AppliedPaymentUpdate.decode(body) };
  }
}

function failed(cause: unknown): never {
  const advice = "Free disk space, or set TMPDIR to a folder on a larger disk.";
  throw lakeUnavailable("The events do not fit on this disk for sorting", cause, advice);
}
