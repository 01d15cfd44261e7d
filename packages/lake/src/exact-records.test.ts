import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { LAKE_TABLES } from "./lake-tables.js";

const transaction: Transaction = {
  ...UNSENT,
  transactionId: "txn_1",
  tenant: "demo",
  clientTransactionId: "c-1",
  cardToken: "ct_1",
  terminalId: "t-1",
  amountMinor: 1299,
  currency: "EUR",
  occurredAtMs: Date.UTC(2024, 1, 29, 12),
  acceptedAtMs: Date.UTC(2024, 1, 29, 12),
};

/** A transaction whose amount is replaced by the bytes of a varint. */
function withAmount(...varint: number[]): Uint8Array {
  const { amountMinor: _, ...rest } = transaction;
  return Buffer.concat([Transaction.encode({ ...rest, amountMinor: 0 }).finish(), Buffer.from([48, ...varint])]);
}

test.each([
  ["2^53", withAmount(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10), "MAX_SAFE_INTEGER"],
  ["-2^63", withAmount(...Array(9).fill(0x80), 0x01), "MIN_SAFE_INTEGER"],
  ["garbage", Buffer.from([0xff, 0x00]), "not the protobuf message"],
  ["an empty record", Buffer.alloc(0), "its event time is missing"],
  [
    "an event in the year 10000",
    Transaction.encode({ ...transaction, occurredAtMs: 253402300800000 }).finish(),
    "its event time is missing or invalid",
  ],
])("rejects %s instead of adjusting it", (_name, bytes, words) => {
  expect(() => LAKE_TABLES.transactions.decode(bytes)).toThrow(
    expect.objectContaining({ code: "message-unreadable", message: expect.stringContaining(words) }),
  );
});

test("accepts the largest exact integer", () => {
  const bytes = withAmount(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f);
  expect(LAKE_TABLES.transactions.decode(bytes).cells()).toContain(9007199254740991n);
});
