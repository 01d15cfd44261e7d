import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/compile-engine";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";

/*
 * A snapshot of window states, little-endian:
 *
 *   header, 28 bytes:  "TRIPSNAP", u32 format version, u32 spec version, u32 fingerprint of what all states keep,
 *                      u64 number of entries
 *   entries:           u32 bytes of the key, key in UTF-8, u32 bytes of the value, value
 *   trailer:           u32 CRC-32 of everything before it
 */
const MAGIC = "TRIPSNAP";
const FORMAT_VERSION = 2;
const HEADER_BYTES = 28;
/** Bytes gathered before they are written. */
const WRITE_BYTES = 1 << 20;
/** A key or value longer than this is damage, not data. */
const ITEM_BYTES_MAX = 1 << 20;

export interface SnapshotHeader {
  readonly specVersion: number;
  readonly fingerprint: number;
  readonly entries: number;
}

export type SnapshotEntry = readonly [key: string, value: Uint8Array];

/** Writes a snapshot under another name first, so that the file is complete or absent. */
export async function writeSnapshot(
  path: string,
  engine: FeatureEngine,
  count: number,
  entries: Iterable<SnapshotEntry>,
): Promise<void> {
  const unfinished = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(unfinished, "wx");
    try {
      let sum = 0;
      for (const block of blocksOf(headerOf(engine, count), entries)) {
        sum = crc32(block, sum);
        await file.writeFile(block);
      }
      const trailer = Buffer.alloc(4);
      trailer.writeUInt32LE(sum);
      await file.writeFile(trailer);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

/**
 * Reads a snapshot; entries are handed out as they come, and `onHeader` is called before the first one.
 *
 * @throws TriplineError `state-unreadable` when it is no snapshot, of another format version, cut or damaged. What was
 * handed out before a damage is found is not to be trusted.
 */
export async function* readSnapshot(
  path: string,
  onHeader: (header: SnapshotHeader) => void,
): AsyncGenerator<SnapshotEntry> {
  const file = createReadStream(path, { highWaterMark: WRITE_BYTES });
  try {
    const source = new SnapshotBytes(path, file);
    const header = parseHeader(path, await source.take(HEADER_BYTES));
    onHeader(header);
    for (let index = 0; index < header.entries; index += 1) {
      const key = (await source.item()).toString("utf8");
      yield [key, await source.item()];
    }
    await source.end();
  } finally {
    file.destroy();
  }
}

/**
 * Reads a snapshot to its end without keeping anything.
 *
 * @throws TriplineError `state-unreadable`, see `readSnapshot`
 */
export async function verifySnapshot(path: string): Promise<SnapshotHeader> {
  const headers: SnapshotHeader[] = [];
  for await (const _entry of readSnapshot(path, (header) => headers.push(header))) {
    // Only the checks of the reader matter here.
  }
  const [header] = headers;
  if (header === undefined) throw unreadable(path, "is cut short");
  return header;
}

function headerOf(engine: FeatureEngine, count: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, "latin1");
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUInt32LE(engine.spec.version, 12);
  header.writeUInt32LE(layoutFingerprint(engine.entities), 16);
  header.writeBigUInt64LE(BigInt(count), 20);
  return header;
}

function parseHeader(path: string, header: Buffer): SnapshotHeader {
  const version = header.readUInt32LE(8);
  if (header.toString("latin1", 0, 8) !== MAGIC) throw unreadable(path, "is no snapshot of window states");
  if (version !== FORMAT_VERSION) throw unreadable(path, `has format ${version}, this build reads ${FORMAT_VERSION}`);
  return {
    specVersion: header.readUInt32LE(12),
    fingerprint: header.readUInt32LE(16),
    entries: Number(header.readBigUInt64LE(20)),
  };
}

function* blocksOf(header: Buffer, entries: Iterable<SnapshotEntry>): Generator<Buffer> {
  let parts: Uint8Array[] = [header];
  let bytes = header.length;
  for (const [key, value] of entries) {
    for (const item of [Buffer.from(key, "utf8"), value]) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(item.length);
      parts.push(length, item);
      bytes += 4 + item.length;
    }
    if (bytes >= WRITE_BYTES) {
      yield Buffer.concat(parts);
      parts = [];
      bytes = 0;
    }
  }
  yield Buffer.concat(parts);
}

/** Hands out the bytes of a file in pieces of asked-for lengths and sums them up on the way. */
class SnapshotBytes {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);
  private sum = 0;

  constructor(
    private readonly path: string,
    stream: AsyncIterable<Buffer>,
  ) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  async item(): Promise<Buffer> {
    const length = (await this.take(4)).readUInt32LE();
    if (length > ITEM_BYTES_MAX) throw unreadable(this.path, "is damaged");
    return this.take(length);
  }

  async take(count: number): Promise<Buffer> {
    const taken = await this.raw(count);
    this.sum = crc32(taken, this.sum);
    return taken;
  }

  /** Checks the trailer. */
  async end(): Promise<void> {
    const trailer = await this.raw(4);
    const more = await this.chunks.next();
    if (trailer.readUInt32LE() !== this.sum || this.rest.length > 0 || more.done !== true) {
      throw unreadable(this.path, "is damaged");
    }
  }

  private async raw(count: number): Promise<Buffer> {
    while (this.rest.length < count) {
      const next = await this.chunks.next();
      if (next.done === true) throw unreadable(this.path, "is cut short");
      this.rest = this.rest.length === 0 ? next.value : Buffer.concat([this.rest, next.value]);
    }
    const taken = this.rest.subarray(0, count);
    this.rest = this.rest.subarray(count);
    return taken;
  }
}

function unreadable(path: string, what: string): TriplineError {
  return new TriplineError("state-unreadable", `${path} ${what}.`);
}
