import type { OutgoingRecord } from "@tripline/kafka/port";
import { cardOf, delivered, payment, paymentRecord, START_MS } from "../testing/events.js";
import { engine, expectedVectors, keyOf, Outbox, useRedis, withoutClock } from "../testing/instance.js";

const { connect, instance } = useRedis();

/** Payments of one card at the terminal that all partitions share. */
function paymentsOf(partition: number, count: number) {
  return Array.from({ length: count }, (_, index) =>
    payment({
      clientTransactionId: `p-${partition}-${index}`,
      cardToken: cardOf(partition),
      terminalId: "t-shared",
      amountMinor: 100 * (index + 1),
      occurredAtMs: START_MS + index * 1_000,
    }),
  );
}

const recordsOf = (transactions: ReturnType<typeof paymentsOf>, partition: number) =>
  transactions.map((transaction, offset) => delivered(paymentRecord(transaction), offset, partition));

const sentOf = (sent: readonly OutgoingRecord[], partition: number) =>
  sent.filter(({ key }) => key === cardOf(partition));

async function sharedSequence(): Promise<number> {
  return engine.decodeState(1, await (await connect()).getBuffer(keyOf("terminal", "t-shared"))).sequence;
}

test("writes simultaneous batches of two partitions together, with the same results as one after the other", async () => {
  const { handle, outbox, store } = await instance();
  const [zero, one] = [paymentsOf(0, 5), paymentsOf(1, 5)];
  // The partitions' keys are requested first, so that both batches arrive in the same turn.
  await handle(recordsOf(zero, 0).slice(0, 1));
  await handle(recordsOf(one, 1).slice(0, 1));
  await Promise.all([handle(recordsOf(zero, 0).slice(1)), handle(recordsOf(one, 1).slice(1))]);
  expect(store.writes).toBe(3);
  const order = [zero[0], one[0], ...zero.slice(1), ...one.slice(1)].flatMap((transaction) => transaction ?? []);
  expect(outbox.sent.map(withoutClock)).toEqual(expectedVectors(order));
  expect(await sharedSequence()).toBe(10);
});

test("after a crash between writing and sending, both partitions emit the same bytes again, followed by new ones", async () => {
  const first = await instance();
  const [zero, one] = [recordsOf(paymentsOf(0, 4), 0), recordsOf(paymentsOf(1, 6), 1)];
  first.outbox.fault = "after";
  const outcomes = await Promise.allSettled([first.handle(zero), first.handle(one.slice(0, 3))]);
  expect(outcomes.some(({ status }) => status === "rejected")).toBe(true);
  const before = first.outbox.sent.map(({ value }) => Buffer.from(value).toString("hex"));
  const second = await instance();
  await Promise.all([second.handle(zero), second.handle(one)]);
  const after = second.outbox.sent.map(({ value }) => Buffer.from(value).toString("hex"));
  expect(after).toEqual(expect.arrayContaining(before));
  expect(sentOf(second.outbox.sent, 0)).toHaveLength(4);
  expect(sentOf(second.outbox.sent, 1)).toHaveLength(6);
  expect(second.metrics.redeliveries).toBe(7);
  expect(await sharedSequence()).toBe(10);
});

test("an unreadable state does not block the other partition", async () => {
  const { handle, outbox } = await instance();
  const [good, bad] = [recordsOf(paymentsOf(0, 3), 0), recordsOf(paymentsOf(1, 3), 1)];
  await (await connect()).set(keyOf("card", cardOf(1)), Buffer.alloc(40, 9));
  const [first, second] = await Promise.allSettled([handle(good), handle(bad)]);
  expect(first).toMatchObject({ status: "fulfilled" });
  expect(second).toMatchObject({ status: "rejected", reason: { code: "state-unreadable" } });
  expect(sentOf(outbox.sent, 0)).toHaveLength(3);
  expect(sentOf(outbox.sent, 1)).toHaveLength(0);
  expect(await sharedSequence()).toBe(3);
});

test("a partition whose end offset Kafka does not report does not block the other", async () => {
  const { handle, outbox, log } = await instance();
  const [zero, one] = [paymentsOf(0, 3), recordsOf(paymentsOf(1, 3), 1)];
  await handle(recordsOf(zero, 0));
  await handle(one.slice(0, 1));
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  log.onQuestion = () => {
    asked.resolve();
    return answer.promise;
  };
  const again = handle(recordsOf(zero, 0));
  await asked.promise;
  await handle(one.slice(1));
  expect(sentOf(outbox.sent, 1)).toHaveLength(3);
  answer.resolve();
  await again;
  expect(sentOf(outbox.sent, 0)).toHaveLength(6);
  expect(await sharedSequence()).toBe(6);
});

test("counts the next round before Kafka acknowledges the previous one, but only in other partitions", async () => {
  const outbox = new Outbox();
  const { handle, store } = await instance(outbox);
  const [zero, one] = [recordsOf(paymentsOf(0, 2), 0), recordsOf(paymentsOf(1, 2), 1)];
  await handle(zero.slice(0, 1));
  await handle(one.slice(0, 1));
  const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const send = outbox.send.bind(outbox);
  outbox.send = async (records) => {
    asked.resolve();
    outbox.send = send;
    await answer.promise;
    await send(records);
  };
  let isFirstDone = false;
  const first = handle(zero.slice(1)).then(() => {
    isFirstDone = true;
  });
  await asked.promise;
  await handle(one.slice(1));
  expect([store.writes, isFirstDone]).toEqual([4, false]);
  answer.resolve();
  await first;
  expect(sentOf(outbox.sent, 0)).toHaveLength(2);
});

test("overlapping batches of one partition, as after a rebalance, are counted once and emit the same bytes", async () => {
  const { handle, outbox, store } = await instance();
  const zero = paymentsOf(0, 6);
  await handle(recordsOf(zero, 0).slice(0, 1));
  await Promise.all([handle(recordsOf(zero, 0).slice(1, 4)), handle(recordsOf(zero, 0).slice(2))]);
  const [first, ...both] = outbox.sent;
  expect(both.slice(3, 5).map(({ value }) => value)).toEqual(both.slice(1, 3).map(({ value }) => value));
  const once = [first, ...both.slice(0, 3), ...both.slice(5)].flatMap((record) => record ?? []);
  expect(once.map(withoutClock)).toEqual(expectedVectors(zero));
  expect(store.writes).toBe(3);
});

test("recomputes both partitions after a concurrent write by another instance", async () => {
  const { handle, outbox, store, metrics } = await instance();
  const [other] = [await instance()];
  const [zero, one] = [recordsOf(paymentsOf(0, 2), 0), recordsOf(paymentsOf(1, 2), 1)];
  await handle(zero.slice(0, 1));
  await handle(one.slice(0, 1));
  const stranger = payment({ clientTransactionId: "stranger", cardToken: cardOf(9), terminalId: "t-shared" });
  store.meanwhile = async () => {
    await other.handle([delivered({ ...paymentRecord(stranger), topic: "transactions" }, 0, 2)]);
  };
  await Promise.all([handle(zero.slice(1)), handle(one.slice(1))]);
  expect(metrics.conflicts).toBe(2);
  expect(await sharedSequence()).toBe(5);
  expect(outbox.sent).toHaveLength(4);
});
