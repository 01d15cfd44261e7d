import { TriplineError } from "@tripline/contracts/error-table";
import { ByteReader } from "@tripline/feature-engine/state/byte-reader";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";

/** The findings about a payment or label. Together with the record, they give a FeatureVector or an AppliedLabel. */
export interface Emission {
  /** Offset of the record in its partition. */
  readonly offset: number;
  /** Encoded fields other than the payment or label, see encode-findings.ts. */
  readonly findings: Uint8Array;
}

/** Stored state of a partition: its counted offset, and the records of its last batch. */
export interface AppliedBatch {
  /** Offset of the last record whose effect is in the states. */
  readonly offset: number;
  /** For all events of the last batch, ordered by offset. */
  readonly emissions: readonly Emission[];
}

/*
 * Layout, little-endian:  u8 version, 2; u64 offset; u32 n; then n × (u64 offset, u32 length, bytes of the findings).
 * The first nine bytes differ between any two versions for one partition, as for a state.
 */
const VERSION = 2;

export function encodeApplied({ offset, emissions }: AppliedBatch): Uint8Array {
  const writer = new ByteWriter(64 + emissions.reduce((sum, { findings }) => sum + findings.length + 12, 0));
  writer.u8(VERSION);
  writer.u64(offset);
  writer.u32(emissions.length);
  for (const emission of emissions) {
    writer.u64(emission.offset);
    writer.u32(emission.findings.length);
    writer.bytes(emission.findings);
  }
  return writer.since(0);
}

/** @throws TriplineError `state-unreadable` */
export function decodeApplied(bytes: Uint8Array): AppliedBatch {
  const reader = new ByteReader(bytes);
  const offset = readOffset(reader);
  const emissions: Emission[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    emissions.push({ offset: reader.u64(), findings: reader.bytes(reader.u32()) });
  }
  return { offset, emissions };
}

/**
 * The offset in the first nine bytes; -1 if nothing is stored.
 *
 * @throws TriplineError `state-unreadable`
 */
export function appliedOffset(head: Uint8Array | undefined): number {
  return head === undefined || head.length === 0 ? -1 : readOffset(new ByteReader(head));
}

function readOffset(reader: ByteReader): number {
  const version = reader.u8();
  if (version === VERSION) return reader.u64();
  throw new TriplineError(
    "state-unreadable",
    `The applied offset of a partition is stored in version ${version}, but this build supports version ${VERSION}.`,
  );
}
