import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  AppliedLabel,
  AppliedPaymentUpdate,
  FeatureVector,
  Label,
  Transaction as Payment,
  PaymentUpdate,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";
import fc from "fast-check";
import { label, payment, update } from "../testing/events.js";
import { writeEmission, writeReportFindings, writeVectorFindings } from "./encode-findings.js";

const count = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, 2 ** 53 - 1));
const vectorFindings = fc.record({
  specVersion: fc.nat(2 ** 31 - 1),
  values: fc.array(fc.double({ noNaN: true }), { maxLength: 80 }),
  computedAtMs: count,
  sequences: fc.array(count, { maxLength: 5 }),
  tooLate: fc.boolean(),
  incomplete: fc.boolean(),
  profileTimesMs: fc.array(count, { maxLength: 3 }),
});
const labelFindings = vectorFindings.map(({ values, computedAtMs, profileTimesMs: _, ...common }) => ({
  ...common,
  appliedAtMs: computedAtMs,
}));

const explained = fc.option(fc.boolean(), { nil: undefined });

const transaction = fc
  .record({ clientTransactionId: fc.string({ unit: "grapheme" }), terminalId: fc.string(), amountMinor: count })
  .chain((change) =>
    fc
      .option(fc.double({ min: -90, max: 90, noNaN: true }))
      .map((latitude): Transaction => payment({ ...change, latitude: latitude ?? undefined })),
  );

function emissionOf(fact: Uint8Array, write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(1);
  write(writer);
  const findings = writer.since(0);
  const start = writer.length;
  writeEmission(writer, fact, findings);
  return writer.since(start);
}

describe("the result of a record", () => {
  test("is a FeatureVector, byte for byte as the generated code encodes it", () => {
    fc.assert(
      fc.property(transaction, vectorFindings, (fact, findings) => {
        const bytes = emissionOf(Payment.encode(fact).finish(), (writer) => writeVectorFindings(writer, findings));
        expect(Buffer.from(bytes)).toEqual(
          Buffer.from(FeatureVector.encode({ transaction: fact, ...findings }).finish()),
        );
        expect(FeatureVector.decode(bytes)).toEqual({ transaction: fact, ...findings });
      }),
      { numRuns: 500 },
    );
  });

  test("is an AppliedLabel, byte for byte as the generated code encodes it", () => {
    const fact = label({ clientTransactionId: "a" });
    fc.assert(
      fc.property(labelFindings, fc.array(fc.string()), explained, (findings, entityIds, whether) => {
        const own = { ...findings, entityIds, explained: whether };
        const bytes = emissionOf(Label.encode(fact).finish(), (writer) => writeReportFindings(writer, own));
        expect(Buffer.from(bytes)).toEqual(Buffer.from(AppliedLabel.encode({ label: fact, ...own }).finish()));
      }),
    );
  });

  test("is an AppliedPaymentUpdate, byte for byte as the generated code encodes it", () => {
    const fact = update({ clientTransactionId: "a" });
    fc.assert(
      fc.property(labelFindings, fc.array(fc.string()), (findings, entityIds) => {
        const own = { ...findings, entityIds };
        const bytes = emissionOf(PaymentUpdate.encode(fact).finish(), (writer) => writeReportFindings(writer, own));
        expect(Buffer.from(bytes)).toEqual(Buffer.from(AppliedPaymentUpdate.encode({ update: fact, ...own }).finish()));
      }),
    );
  });

  test("keeps fields of the payment that are unknown to this build", () => {
    const unknownField = [150 * 8, 7, 151 * 8 + 2, 1, 0x41].flatMap((tag) =>
      tag > 127 ? [(tag & 127) | 128, tag >> 7] : [tag],
    );
    const fact = Buffer.concat([
      Payment.encode(payment({ clientTransactionId: "a" })).finish(),
      Buffer.from(unknownField),
    ]);
    const bytes = emissionOf(fact, (writer) =>
      writeVectorFindings(writer, {
        specVersion: 2,
        values: [1.5],
        computedAtMs: 3,
        sequences: [1],
        tooLate: false,
        incomplete: false,
        profileTimesMs: [],
      }),
    );
    expect(Buffer.from(bytes).includes(fact)).toBe(true);
    expect(FeatureVector.decode(bytes)).toMatchObject({
      transaction: payment({ clientTransactionId: "a" }),
      values: [1.5],
    });
  });
});
