import { fieldTag } from "@tripline/contracts/field-tag";
import { AppliedLabel, FeatureVector, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { ByteWriter } from "@tripline/feature-engine/state/byte-writer";

/*
 * The result of a payment, a label or a payment update is a message whose first field is that event itself, and whose
 * other fields, its findings, are added by features. The first field is not encoded again but copied from the bytes of
 * the record. A redelivered record therefore needs only its findings to produce the same result, byte for byte.
 */

export type VectorFindings = Omit<FeatureVector, "transaction">;
/** The findings of a label or a payment update, whose fields have the same numbers. Only a label can be explained. */
export type ReportFindings = Omit<AppliedLabel, "label">;

const TAGS = {
  /** The transaction in a FeatureVector, the label in an AppliedLabel, or the update in an AppliedPaymentUpdate. */
  fact: fieldTag(FeatureVector, "transaction", Transaction.decode(new Uint8Array())),
  specVersion: fieldTag(FeatureVector, "specVersion", 1),
  values: fieldTag(FeatureVector, "values", [1]),
  computedAtMs: fieldTag(FeatureVector, "computedAtMs", 1),
  sequences: fieldTag(FeatureVector, "sequences", [1]),
  tooLate: fieldTag(FeatureVector, "tooLate", true),
  incomplete: fieldTag(FeatureVector, "incomplete", true),
  profileTimesMs: fieldTag(FeatureVector, "profileTimesMs", [1]),
} as const;

/** Encodes a FeatureVector without its transaction, as `FeatureVector.encode` does, at a third of the cost. */
export function writeVectorFindings(writer: ByteWriter, findings: VectorFindings): void {
  const { specVersion, values, computedAtMs, sequences, tooLate, incomplete, profileTimesMs } = findings;
  writeVarint(writer, TAGS.specVersion, specVersion);
  if (values.length > 0) {
    writer.u8(TAGS.values);
    writer.varint(values.length * Float64Array.BYTES_PER_ELEMENT);
    for (const value of values) writer.f64(value);
  }
  writeVarint(writer, TAGS.computedAtMs, computedAtMs);
  writeVarints(writer, TAGS.sequences, sequences);
  writeVarint(writer, TAGS.tooLate, tooLate ? 1 : 0);
  writeVarint(writer, TAGS.incomplete, incomplete ? 1 : 0);
  writeVarints(writer, TAGS.profileTimesMs, profileTimesMs);
}

/** Encodes an AppliedLabel without its label, or an AppliedPaymentUpdate without its update. */
export function writeReportFindings(writer: ByteWriter, findings: ReportFindings): void {
  writer.bytes(AppliedLabel.encode({ label: undefined, ...findings }).finish());
}

/** Size of a tag and a length. */
export const EMISSION_HEAD_BYTES_MAX = 9;

/** Encodes a FeatureVector, AppliedLabel or AppliedPaymentUpdate. @param fact bytes of its first field */
export function writeEmission(writer: ByteWriter, fact: Uint8Array, findings: Uint8Array): void {
  writer.u8(TAGS.fact);
  writer.varint(fact.length);
  writer.bytes(fact);
  writer.bytes(findings);
}

/** An absent field means zero. */
function writeVarint(writer: ByteWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.u8(tag);
  writer.varint(value);
}

function writeVarints(writer: ByteWriter, tag: number, values: readonly number[]): void {
  if (values.length === 0) return;
  writer.u8(tag);
  writer.varint(values.reduce((bytes, value) => bytes + varintBytes(value), 0));
  for (const value of values) writer.varint(value);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
