import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import type { SnapshotEntry } from "@tripline/lake/snapshot/snapshot-format";
import { encodeHeader } from "@tripline/lake/snapshot/snapshot-format";

export { readSnapshot, verifySnapshot } from "@tripline/lake/snapshot/read-snapshot";
export type { SnapshotEntry, SnapshotHeader } from "@tripline/lake/snapshot/snapshot-format";

/** Bytes buffered before a write. */
const WRITE_BYTES = 1 << 20;

/** Writes a snapshot under a temporary name first, so that the file is either complete or absent. */
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

function headerOf(engine: FeatureEngine, entries: number): Buffer {
  return encodeHeader({ specVersion: engine.spec.version, fingerprint: layoutFingerprint(engine.entities), entries });
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
