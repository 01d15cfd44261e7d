import fc from "fast-check";
import { PartitionQueue } from "./partition-queue.js";

interface R {
  readonly offset: number;
  readonly value: Uint8Array;
}

function fetched(from: number, to: number, endOffset = 1_000_000) {
  const records: R[] = [];
  for (let offset = from; offset < to; offset += 1) records.push({ offset, value: new Uint8Array(offset) });
  return { askedFrom: from, nextOffset: to, endOffset, records };
}

const offsets = (records: readonly R[]) => records.map(({ offset }) => offset);

test("handles a duplicate record once", () => {
  const queue = new PartitionQueue<R>(undefined);
  expect(queue.accept(fetched(10, 13))).toBe(true);
  expect(queue.accept(fetched(10, 15))).toBe(true);
  expect(queue.accept(fetched(11, 12))).toBe(true);
  expect(offsets(queue.take(100))).toEqual([10, 11, 12, 13, 14]);
  expect(queue.accept(fetched(10, 15))).toBe(true);
  expect(queue.size).toBe(0);
});

test("counts queued bytes as records come and go", () => {
  const queue = new PartitionQueue<R>(undefined);
  queue.accept(fetched(1, 5));
  queue.accept(fetched(3, 7));
  expect(queue.bytes).toBe(1 + 2 + 3 + 4 + 5 + 6);
  queue.take(2);
  expect(queue.bytes).toBe(3 + 4 + 5 + 6);
  queue.skipTo(5);
  expect(queue.bytes).toBe(5 + 6);
  queue.startAt(20);
  expect(queue.bytes).toBe(0);
  queue.accept(fetched(20, 22));
  queue.accept(fetched(3, 4, 4));
  expect(queue.bytes).toBe(3);
});

test("does not handle a record again after an earlier assignment handled it", () => {
  const queue = new PartitionQueue<R>(12);
  queue.accept(fetched(10, 15));
  expect(offsets(queue.take(100))).toEqual([12, 13, 14]);
});

test.each([
  [10, [12, 13, 14]],
  [13, [13, 14]],
  [15, []],
  [99, []],
])("skips records before %d that have been handled in the meantime", (handledTo, expected) => {
  const queue = new PartitionQueue<R>(12);
  queue.accept(fetched(12, 15));
  queue.skipTo(handledTo);
  expect(offsets(queue.take(100))).toEqual(expected);
});

test("rejects a late response that would skip records, and accepts the right one", () => {
  const queue = new PartitionQueue<R>(12);
  expect(queue.accept(fetched(20, 25))).toBe(false);
  expect(queue.accept(fetched(12, 14))).toBe(true);
  expect(queue.accept(fetched(25, 30))).toBe(false);
  expect(queue.accept(fetched(14, 16))).toBe(true);
  expect(offsets(queue.take(100))).toEqual([12, 13, 14, 15]);
});

test("treats a persistent gap as records that retention has deleted", () => {
  const queue = new PartitionQueue<R>(12);
  expect([1, 2, 3, 4].map(() => queue.accept(fetched(20, 22)))).toEqual([false, false, false, true]);
  expect(offsets(queue.take(100))).toEqual([20, 21]);
});

test("reads a recreated log from the beginning", () => {
  const queue = new PartitionQueue<R>(500);
  expect(queue.accept(fetched(0, 3, 3))).toBe(true);
  expect(offsets(queue.take(100))).toEqual([0, 1, 2]);
});

test("drops the records of a deleted log", () => {
  const queue = new PartitionQueue<R>(undefined);
  queue.accept(fetched(100, 103, 103));
  queue.accept(fetched(0, 1, 1));
  expect(offsets(queue.take(100))).toEqual([0]);
});

test("control records advance the position without being handled", () => {
  const queue = new PartitionQueue<R>(undefined);
  queue.accept({ ...fetched(0, 2), nextOffset: 3 });
  expect(queue.accept(fetched(3, 5))).toBe(true);
  expect(offsets(queue.take(100))).toEqual([0, 1, 3, 4]);
});

test("delivers every record once and in order despite late responses", () => {
  const lateAnswers = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 20 })), { maxLength: 3 });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 10 }), lateAnswers), { maxLength: 8 }), (steps) => {
      const queue = new PartitionQueue<R>(0);
      let position = 0;
      for (const [length, late] of steps) {
        for (const [from, size] of late) {
          if (queue.accept(fetched(from, from + size))) position = Math.max(position, from + size);
        }
        expect(queue.accept(fetched(position, position + length))).toBe(true);
        position += length;
      }
      expect(offsets(queue.take(10_000))).toEqual([...Array(position).keys()]);
    }),
  );
});
