import { TriplineError } from "@tripline/contracts/error-table";
import { ByteReader } from "@tripline/feature-engine/byte-reader";
import { ByteWriter } from "@tripline/feature-engine/byte-writer";

/** The feature vector that a payment's record led to, or the applied label that a label's record led to. */
export interface Emission {
  /** Offset of the payment's or the label's record. */
  readonly offset: number;
  /** Bytes of the FeatureVector or the AppliedLabel. */
  readonly value: Uint8Array;
}

/** What is kept of each partition: how far it has been counted, and what its last batch has to emit. */
export interface AppliedBatch {
  /** Offset of the last record whose effect is in the states. */
  readonly offset: number;
  /** Of all events of the last batch, in the order of their offsets. */
  readonly emissions: readonly Emission[];
}

/*
 * Layout, little-endian:  u8 version, 1; u64 offset; u32 n; then n × (u64 offset, u32 length, bytes).
 * The first nine bytes differ between any two versions for one partition, as those of a state do.
 */
const VERSION = 1;

export function encodeApplied({ offset, emissions }: AppliedBatch): Uint8Array {
  const writer = new ByteWriter(64 + emissions.reduce((sum, { value }) => sum + value.length + 12, 0));
  writer.u8(VERSION);
  writer.u64(offset);
  writer.u32(emissions.length);
  for (const emission of emissions) {
    writer.u64(emission.offset);
    writer.u32(emission.value.length);
    writer.bytes(emission.value);
  }
  return writer.copy();
}

/** @throws TriplineError `state-unreadable` */
export function decodeApplied(bytes: Uint8Array): AppliedBatch {
  const reader = new ByteReader(bytes);
  const offset = readHead(reader);
  const emissions: Emission[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    emissions.push({ offset: reader.u64(), value: reader.bytes(reader.u32()) });
  }
  return { offset, emissions };
}

/**
 * The offset in the first nine bytes; -1 where nothing is stored.
 *
 * @throws TriplineError `state-unreadable`
 */
export function appliedOffset(head: Uint8Array): number {
  return head.length === 0 ? -1 : readHead(new ByteReader(head));
}

function readHead(reader: ByteReader): number {
  const version = reader.u8();
  if (version === VERSION) return reader.u64();
  throw new TriplineError(
    "state-unreadable",
    `The applied offset of a partition is stored in version ${version}, this build reads version ${VERSION}.`,
  );
}
