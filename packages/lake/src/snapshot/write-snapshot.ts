import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { SnapshotEntry, SnapshotHeader } from "./snapshot-format.js";
import { encodeHeader } from "./snapshot-format.js";

/** Bytes buffered before a write. */
const WRITE_BYTES = 1 << 20;
const TRAILER_BYTES = 4;

export interface WrittenSnapshot {
  readonly bytes: number;
  /** CRC-32 of the contents. */
  readonly sum: number;
}

/** Writes a snapshot under a temporary name first, so that the file is either complete or absent. */
export async function writeSnapshotFile(
  path: string,
  header: SnapshotHeader,
  entries: Iterable<SnapshotEntry>,
): Promise<WrittenSnapshot> {
  const unfinished = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(unfinished, "wx");
    let sum = 0;
    let bytes = TRAILER_BYTES;
    try {
      for (const block of blocksOf(encodeHeader(header), entries)) {
        sum = crc32(block, sum);
        bytes += block.length;
        await file.writeFile(block);
      }
      const trailer = Buffer.alloc(TRAILER_BYTES);
      trailer.writeUInt32LE(sum);
      await file.writeFile(trailer);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    return { bytes, sum };
  } finally {
    await rm(unfinished, { force: true });
  }
}

function* blocksOf(header: Buffer, entries: Iterable<SnapshotEntry>): Generator<Buffer> {
  let parts: Uint8Array[] = [header];
  let bytes = header.length;
  for (const [key, value, changedAtMs = 0] of entries) {
    const name = Buffer.from(key, "utf8");
    const before = Buffer.alloc(4);
    before.writeUInt32LE(name.length);
    const between = Buffer.alloc(12);
    between.writeBigUInt64LE(BigInt(changedAtMs));
    between.writeUInt32LE(value.length, 8);
    parts.push(before, name, between, value);
    bytes += before.length + name.length + between.length + value.length;
    if (bytes >= WRITE_BYTES) {
      yield Buffer.concat(parts);
      parts = [];
      bytes = 0;
    }
  }
  yield Buffer.concat(parts);
}
