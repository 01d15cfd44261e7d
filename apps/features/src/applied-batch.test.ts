import { FeatureVector, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { ByteWriter } from "@tripline/feature-engine/byte-writer";
import { appliedOffset, decodeApplied, encodeApplied } from "./applied-batch.js";
import { writeEmission } from "./encode-findings.js";
import { payment } from "./test-events.js";

const unreadable = { name: "TriplineError", code: "state-unreadable" };
const EMISSIONS = [
  { offset: 7, findings: Buffer.from("seven") },
  { offset: 2 ** 40, findings: Buffer.alloc(0) },
];

test("an applied batch comes back as it was, and its head says how far it went", () => {
  const bytes = encodeApplied({ offset: 2 ** 40, emissions: EMISSIONS });
  const back = decodeApplied(Buffer.from(bytes));
  expect(back).toEqual({ offset: 2 ** 40, emissions: EMISSIONS });
  expect(appliedOffset(bytes.subarray(0, 9))).toBe(2 ** 40);
  expect(appliedOffset(Buffer.alloc(0))).toBe(-1);
});

test("one that is cut anywhere is refused", () => {
  const bytes = encodeApplied({ offset: 7, emissions: EMISSIONS.slice(0, 1) });
  for (let end = 0; end < bytes.length; end += 1) {
    expect(() => decodeApplied(bytes.subarray(0, end))).toThrow(expect.objectContaining(unreadable));
  }
  expect(() => appliedOffset(Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0]))).toThrow(/version 3, .* versions 1 and 2/);
});

/** As builds before version 2 wrote it. */
function versionOne(offset: number, emissions: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(1);
  writer.u64(offset);
  writer.u32(emissions.length);
  for (const [at, value] of emissions) {
    writer.u64(at);
    writer.u32(value.length);
    writer.bytes(value);
  }
  return writer.copy();
}

test("a batch of the version before emits, after an upgrade, what it emitted", () => {
  const transaction = payment({ clientTransactionId: "a", terminalId: "t".repeat(200) });
  const common = { specVersion: 2, computedAtMs: 9, tooLate: true, incomplete: false };
  const vector = FeatureVector.encode({ transaction, ...common, values: [1, 0.5], sequences: [3, 4] }).finish();
  const { offset, emissions } = decodeApplied(Buffer.concat([versionOne(5, [[4, vector]])]));
  const writer = new ByteWriter();
  writeEmission(writer, Transaction.encode(transaction).finish(), emissions[0]?.findings ?? Buffer.alloc(0));
  expect([offset, emissions[0]?.offset]).toEqual([5, 4]);
  expect([...writer.copy()]).toEqual([...vector]);
  expect(() => decodeApplied(versionOne(5, [[4, Buffer.from([10, 200])]]))).toThrow(
    expect.objectContaining(unreadable),
  );
});
