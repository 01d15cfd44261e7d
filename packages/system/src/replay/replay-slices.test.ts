import type { KnownPayment } from "../client/payment.js";
import { replaySlices } from "./replay-slices.js";

function payment(id: string, card: string, terminal: string, atMs: number, labelledAtMs: number | null): KnownPayment {
  return {
    clientTransactionId: id,
    cardNumber: card,
    terminalId: terminal,
    amountMinor: 100,
    currency: "EUR",
    occurredAtMs: atMs,
    fraud: false,
    labelledAtMs,
  };
}

const slices = (payments: KnownPayment[], labelled: KnownPayment[] = payments) =>
  [...replaySlices({ payments, labelled, fromMs: 0, toMs: 1_000 })].map((slice) => ({
    payments: slice.payments.map((item) => item.clientTransactionId),
    labels: slice.labels.map((item) => item.clientTransactionId),
  }));

describe("replaySlices", () => {
  test("separates only events that share a card or a terminal", () => {
    const stream = [
      payment("a", "c1", "t1", 1, null),
      payment("b", "c2", "t2", 2, null),
      payment("c", "c1", "t3", 3, null),
      payment("d", "c4", "t3", 4, null),
    ];
    expect(slices(stream)).toEqual([
      { payments: ["a", "b"], labels: [] },
      { payments: ["c"], labels: [] },
      { payments: ["d"], labels: [] },
    ]);
  });

  test("puts a label before a payment at the same time, in a separate slice if they share an entity", () => {
    const earlier = payment("old", "c9", "t1", -500, 7);
    const stream = [payment("a", "c1", "t1", 7, 5_000)];
    expect(slices(stream, [earlier, ...stream])).toEqual([
      { payments: [], labels: ["old"] },
      { payments: ["a"], labels: [] },
    ]);
  });

  test("regression #28: separates payments of one e-mail address with different cards", () => {
    const stream = [payment("a", "c1", "t1", 1, null), payment("b", "c2", "t2", 2, null)];
    const email = "ada@example.com";
    expect(slices(stream.map((one) => ({ ...one, email }))).map((slice) => slice.payments)).toEqual([["a"], ["b"]]);
  });

  test("omits events outside the replayed time", () => {
    const stream = [payment("before", "c1", "t1", -1, -1), payment("after", "c2", "t2", 1_000, 1_000)];
    expect(slices(stream)).toEqual([]);
  });
});
