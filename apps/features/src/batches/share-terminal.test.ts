import { setTimeout as delay } from "node:timers/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { appliedOffset, encodeApplied } from "../states/applied-batch.js";
import { TURN_KEY, TURN_MS } from "../states/state-store.js";
import { cardOf, delivered, payment, paymentRecord, START_MS } from "../testing/events.js";
import {
  APPLIED_KEY,
  engine,
  expectedVectors,
  keyOf,
  payments,
  recordsOf,
  useRedis,
  withoutClock,
} from "../testing/instance.js";

/* Several writers on the same states. */

const { connect, instance } = useRedis();

test("a writer that has not noticed the loss of its partition changes nothing, and emits the same bytes again", async () => {
  const transactions = payments(20, 4);
  const log = recordsOf(transactions);
  const zombie = await instance();
  const successor = await instance();
  zombie.store.meanwhile = async () => {
    await successor.handle(log.slice(0, 10));
    await successor.handle(log.slice(10));
  };
  await zombie.handle(log.slice(0, 15));
  expect(successor.outbox.sent.map(withoutClock)).toEqual(expectedVectors(transactions));
  expect(zombie.metrics.conflicts).toBe(1);
  // Only the records of its last batch are still stored; the successor emitted the others.
  expect(zombie.outbox.sent.map(({ value }) => Buffer.from(value))).toEqual(
    successor.outbox.sent.slice(10, 15).map(({ value }) => Buffer.from(value)),
  );
});

test("four writers count 20,000 payments at one busy terminal exactly", async () => {
  const [writers, batches, perBatch] = [4, 50, 100];
  const instances = await Promise.all(Array.from({ length: writers }, () => instance()));
  await Promise.all(
    instances.map(async ({ handle }, partition) => {
      for (let batch = 0; batch < batches; batch += 1) {
        await handle(
          Array.from({ length: perBatch }, (_, index) => {
            const offset = batch * perBatch + index;
            const transaction = payment({
              clientTransactionId: `hot-${partition}-${offset}`,
              cardToken: cardOf(partition * 1_000 + (offset % 1_000)),
              terminalId: "hot",
              occurredAtMs: START_MS + offset,
              amountMinor: 100 + partition,
            });
            return delivered(paymentRecord(transaction), offset, partition);
          }),
        );
      }
    }),
  );
  const vectors = instances.flatMap(({ outbox }) => outbox.sent.map(({ value }) => FeatureVector.decode(value)));
  const sequences = vectors.map((vector) => vector.sequences[1] ?? 0).sort((a, b) => a - b);
  expect(sequences).toEqual(Array.from({ length: 20_000 }, (_, index) => index + 1));
  const state = engine.decodeState(1, await (await connect()).getBuffer(keyOf("terminal", "hot")));
  const [values, names] = [engine.readEntity(1, state, START_MS + 5_000), engine.entityFeatures(1)];
  expect(values[names.indexOf("terminal_count_30d")]).toBe(20_000);
  expect(values[names.indexOf("terminal_mean_30d")]).toBe(1.015);
  expect(instances.reduce((sum, { metrics }) => sum + metrics.conflicts, 0)).toBeGreaterThan(0);
});

test("two writers count every payment at one terminal once", async () => {
  const [one, two] = [await instance(), await instance()];
  const count = 150;
  const log = (partition: number) =>
    Array.from({ length: count }, (_, offset) => {
      const change = {
        cardToken: cardOf(partition),
        terminalId: "hot",
        occurredAtMs: START_MS + offset,
        amountMinor: 100,
      };
      const transaction = payment({ clientTransactionId: `h-${partition}-${offset}`, ...change });
      return delivered(paymentRecord(transaction), offset, partition);
    });
  const drain = async ({ handle }: typeof one, partition: number) => {
    for (const record of log(partition)) await handle([record]);
  };
  await Promise.all([drain(one, 0), drain(two, 1)]);
  const sent = [...one.outbox.sent, ...two.outbox.sent].map(({ value }) => FeatureVector.decode(value));
  const sequences = sent.map(({ sequences }) => sequences[1] ?? 0).sort((a, b) => a - b);
  expect(sequences).toEqual(Array.from({ length: 2 * count }, (_, index) => index + 1));
  const counts = currentFeatureSpec().features.findIndex(({ name }) => name === "terminal_count_1d");
  expect(sent.map(({ values }) => values[counts] ?? 0).sort((a, b) => a - b)).toEqual(sequences);
  expect(one.metrics.conflicts + two.metrics.conflicts).toBeGreaterThan(0);
});

test("partitions that one instance handles concurrently do not interfere", async () => {
  const { handle, outbox, metrics } = await instance();
  const log = (partition: number) => recordsOf(payments(50, 30 + partition), partition);
  await Promise.all([handle(log(0)), handle(log(1))]);
  expect(outbox.sent).toHaveLength(100);
  expect(metrics.conflicts).toBe(0);
});

/** Payments of one card at a terminal shared by all partitions, as the records of one partition. */
function atSharedTerminal(partition: number, count: number) {
  return Array.from({ length: count }, (_, offset) => {
    const change = { cardToken: cardOf(partition), terminalId: "hot", occurredAtMs: START_MS + offset };
    const transaction = payment({ clientTransactionId: `s-${partition}-${offset}`, ...change });
    return delivered(paymentRecord(transaction), offset, partition);
  });
}

test("regression #12: a partition's first batch does not affect the keys watched by a running round", async () => {
  const [one, two] = [await instance(), await instance()];
  await one.handle(atSharedTerminal(0, 1));
  let first: Promise<void> | undefined;
  one.store.meanwhile = async () => {
    // The first batch of another partition reads its stored state between the reads and writes of this one.
    first = one.handle(atSharedTerminal(2, 1));
    await one.store.ping();
    await two.handle(atSharedTerminal(1, 4));
  };
  await one.handle(atSharedTerminal(0, 5).slice(1));
  await first;
  const sent = [...one.outbox.sent, ...two.outbox.sent].map(({ value }) => FeatureVector.decode(value));
  const numbers = sent.map(({ sequences }) => sequences[1] ?? 0).sort((a, b) => a - b);
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(one.metrics.conflicts).toBeGreaterThan(0);
});

test("regression #12: a writer that lost its partition does not undo what its successor counted", async () => {
  const log = recordsOf(payments(20, 11));
  const [zombie, successor] = [await instance(), await instance()];
  await zombie.handle(log.slice(0, 10));
  let first: Promise<void> | undefined;
  zombie.store.meanwhile = async () => {
    first = zombie.handle(atSharedTerminal(2, 1));
    await zombie.store.ping();
    await successor.handle(log.slice(10));
  };
  await zombie.handle(log.slice(10, 15));
  await first;
  const applied = await (await connect()).getBuffer(APPLIED_KEY);
  expect(appliedOffset(applied ?? undefined)).toBe(19);
  const states = [0, 1, 2].map(async (card) => {
    const bytes = await (await connect()).getBuffer(keyOf("card", cardOf(card)));
    return engine.decodeState(0, bytes).sequence;
  });
  // Includes one more event, from the other partition.
  expect((await Promise.all(states)).reduce((sum, sequence) => sum + sequence)).toBe(21);
});

test("a writer that loses every race gives up, and the consumer backs off", async () => {
  const { handle, store } = await instance();
  const redis = await connect();
  let version = 0;
  const disturb = async () => {
    version += 1;
    await redis.set(APPLIED_KEY, Buffer.from(encodeApplied({ offset: -0, emissions: [] })));
    await redis.setrange(APPLIED_KEY, 5, String.fromCharCode(version));
    store.meanwhile = disturb;
  };
  store.meanwhile = disturb;
  const far = delivered(paymentRecord(payment({ clientTransactionId: "x" })), Number.MAX_SAFE_INTEGER);
  await expect(handle([far])).rejects.toMatchObject({ code: "state-conflict" });
});

test("regression #25: a writer that loses every race takes the turn, and the other writer waits for its write", async () => {
  const [slow, fast] = [await instance(), await instance()];
  const log = atSharedTerminal(1, 10);
  const counting: Promise<void>[] = [];
  const race = async () => {
    slow.store.meanwhile = race;
    const waits = Promise.withResolvers<void>();
    fast.clock.pause = async () => {
      waits.resolve();
      await delay(1);
    };
    const counted = fast.handle(log.slice(counting.length, counting.length + 1));
    counting.push(counted);
    await Promise.race([counted, waits.promise]);
  };
  slow.store.meanwhile = race;
  await slow.handle(atSharedTerminal(0, 1));
  await Promise.all(counting);
  expect([slow.metrics.conflicts, fast.metrics.conflicts, counting.length]).toEqual([5, 0, 6]);
  const sent = [...fast.outbox.sent, ...slow.outbox.sent].map(({ value }) => FeatureVector.decode(value));
  // The batch that waited was counted last.
  expect(sent.map(({ sequences }) => sequences[1])).toEqual([1, 2, 3, 4, 5, 7, 6]);
  expect(await (await connect()).exists(TURN_KEY)).toBe(0);
});

test("regression #25: a turn also ends if another instance has counted the batch", async () => {
  const [zombie, successor] = [await instance(), await instance()];
  const [log, others] = [atSharedTerminal(0, 1), atSharedTerminal(1, 4)];
  const rivals = [...others.map((record) => [record]), log];
  const lose = async () => {
    await successor.handle(rivals.shift() ?? []);
    if (rivals.length > 0) zombie.store.meanwhile = lose;
  };
  zombie.store.meanwhile = lose;
  await zombie.handle(log);
  expect(zombie.metrics.conflicts).toBe(5);
  expect(zombie.outbox.sent.map(withoutClock)).toEqual(successor.outbox.sent.slice(4).map(withoutClock));
  expect(await (await connect()).exists(TURN_KEY)).toBe(0);
});

test.each([
  ["until the turn expires", 3, Number.POSITIVE_INFINITY],
  ["for no longer than a turn can last, even if the turn does not end", Number.POSITIVE_INFINITY, 3],
])("regression #25: while another instance has the turn, an instance waits %s", async (_name, expires, impatient) => {
  const { handle, store, clock } = await instance();
  const redis = await connect();
  await redis.set(TURN_KEY, "crashed");
  let waits = 0;
  clock.pause = async () => {
    waits += 1;
    if (waits === expires) await redis.del(TURN_KEY);
  };
  clock.now = () => START_MS + (waits < impatient ? 0 : TURN_MS);
  await handle(atSharedTerminal(0, 1));
  expect([waits, store.writes]).toEqual([3, 1]);
});

test("a connection lost between read and write does not overwrite a concurrent change", async () => {
  const log = recordsOf(payments(20, 7));
  const [first, second] = [await instance(), await instance()];
  await first.handle(log.slice(0, 10));
  first.store.meanwhile = async () => {
    await second.handle(log.slice(10));
    first.redis.disconnect(true);
    // The lost connection had watched the states; the new one watches nothing.
    while ((await Promise.allSettled([first.store.ping()]))[0]?.status !== "fulfilled") await delay(5);
  };
  await first.handle(log.slice(10));
  expect(first.metrics.conflicts).toBe(1);
  expect(first.outbox.sent.map(withoutClock)).toEqual(expectedVectors(payments(20, 7)));
  const state = engine.decodeState(1, await (await connect()).getBuffer(keyOf("terminal", "t-0")));
  const counted = payments(20, 7).filter(({ terminalId }) => terminalId === "t-0");
  expect(state.sequence).toBe(counted.length);
});
