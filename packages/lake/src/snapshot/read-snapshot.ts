import { createReadStream } from "node:fs";
import { crc32 } from "node:zlib";
import type { SnapshotEntry, SnapshotHeader } from "./snapshot-format.js";
import { decodeHeader, HEADER_BYTES, unreadable } from "./snapshot-format.js";

const READ_BYTES = 1 << 20;
/** A longer key or value means corruption. */
const ITEM_BYTES_MAX = 1 << 20;

/**
 * Reads a snapshot as a stream of entries; `onHeader` is called before the first one.
 *
 * @param sum the expected checksum. Default: only the file's own checksum must match
 * @throws TriplineError `state-unreadable` if it is not a snapshot, has another format version, or is truncated or
 *   damaged. In that case, entries that were already returned must not be used.
 */
export async function* readSnapshot(
  path: string,
  onHeader: (header: SnapshotHeader) => void,
  sum?: number,
): AsyncGenerator<SnapshotEntry> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES });
  try {
    const source = new SnapshotBytes(path, file);
    const { hasTimes, ...header } = decodeHeader(path, await source.take(HEADER_BYTES));
    onHeader(header);
    for (let index = 0; index < header.entries; index += 1) {
      const key = (await source.item()).toString("utf8");
      const changedAtMs = hasTimes ? Number((await source.take(8)).readBigUInt64LE()) : 0;
      const value = await source.item();
      yield changedAtMs === 0 ? [key, value] : [key, value, changedAtMs];
    }
    await source.end(sum);
  } finally {
    file.destroy();
  }
}

/**
 * Reads a snapshot to its end without keeping any data.
 *
 * @throws TriplineError `state-unreadable`, see `readSnapshot`
 */
export async function verifySnapshot(path: string): Promise<SnapshotHeader> {
  const headers: SnapshotHeader[] = [];
  for await (const _entry of readSnapshot(path, (header) => headers.push(header))) {
    // The reader checks each entry, so nothing else is needed here.
  }
  const [header] = headers;
  if (header === undefined) throw unreadable(path, "is truncated");
  return header;
}

/** Returns the bytes of a file in pieces of the requested lengths and updates the checksum. */
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
  async end(sum: number | undefined): Promise<void> {
    const trailer = await this.raw(4);
    const more = await this.chunks.next();
    if (
      trailer.readUInt32LE() !== this.sum ||
      this.rest.length > 0 ||
      more.done !== true ||
      (sum ?? this.sum) !== this.sum
    ) {
      throw unreadable(this.path, "is damaged");
    }
  }

  private async raw(count: number): Promise<Buffer> {
    while (this.rest.length < count) {
      const next = await this.chunks.next();
      if (next.done === true) throw unreadable(this.path, "is truncated");
      this.rest = this.rest.length === 0 ? next.value : Buffer.concat([this.rest, next.value]);
    }
    const taken = this.rest.subarray(0, count);
    this.rest = this.rest.subarray(count);
    return taken;
  }
}
