import { TriplineError } from "@tripline/contracts/error-table";

/*
 * A snapshot of window states, little-endian:
 *
 *   header, 28 bytes:  "TRIPSNAP", u32 format version, u32 spec version, u32 fingerprint of what all states keep,
 *                      u64 number of entries
 *   entries:           u32 bytes of the key, key in UTF-8, u64 milliseconds since the epoch of the service's last change
 *                      (0 if before counting started), u32 bytes of the value, value
 *   trailer:           u32 CRC-32 of everything before it
 *
 * Format 2, which is still read, lacks the times.
 */
const MAGIC = "TRIPSNAP";
const FORMAT_VERSION = 3;
const FORMAT_WITHOUT_TIMES = 2;
export const HEADER_BYTES = 28;

export interface SnapshotHeader {
  readonly specVersion: number;
  readonly fingerprint: number;
  readonly entries: number;
}

/** If an entry has no time, its state has not changed since counting started. */
export type SnapshotEntry = readonly [key: string, value: Uint8Array, changedAtMs?: number];

export function encodeHeader({ specVersion, fingerprint, entries }: SnapshotHeader): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, "latin1");
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUInt32LE(specVersion, 12);
  header.writeUInt32LE(fingerprint, 16);
  header.writeBigUInt64LE(BigInt(entries), 20);
  return header;
}

/** @throws TriplineError `state-unreadable` if it is not a snapshot, or has another format version */
export function decodeHeader(path: string, header: Buffer): SnapshotHeader & { readonly hasTimes: boolean } {
  const version = header.readUInt32LE(8);
  if (header.toString("latin1", 0, 8) !== MAGIC) throw unreadable(path, "is not a snapshot of window states");
  if (version !== FORMAT_VERSION && version !== FORMAT_WITHOUT_TIMES) {
    throw unreadable(path, `has format ${version}, but this build reads ${FORMAT_WITHOUT_TIMES} and ${FORMAT_VERSION}`);
  }
  return {
    specVersion: header.readUInt32LE(12),
    fingerprint: header.readUInt32LE(16),
    entries: Number(header.readBigUInt64LE(20)),
    hasTimes: version === FORMAT_VERSION,
  };
}

/** @param what the end of a sentence that starts with the path */
export function unreadable(path: string, what: string): TriplineError {
  return new TriplineError("state-unreadable", `${path} ${what}.`);
}
