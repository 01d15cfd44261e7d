import fc from "fast-check";
import type { HeldRow } from "./read-record.js";
import { RowBuffer } from "./row-buffer.js";

function rowsOf(partition: number, from: number, to: number): HeldRow[] {
  const row = { eventTimeMs: 1, day: "2024-02-29", cells: () => [] };
  return Array.from({ length: to - from }, (_, index) => {
    return { partition, offset: from + index, timestampMs: 1, traceparent: null, bytes: 10, row };
  });
}

const places = (buffer: RowBuffer) =>
  buffer.snapshot()?.rows.map(({ partition, offset }) => `${partition}@${offset}`) ?? [];
const ranges = (buffer: RowBuffer) => Object.fromEntries(buffer.snapshot()?.ranges ?? []);

test("buffers records from the end of the lake onwards, and drops the oldest as the lake advances", () => {
  const buffer = new RowBuffer();
  expect(buffer.begin(0, 5)).toBe(5);
  expect(buffer.begin(3, 0)).toBe(0);
  expect(buffer.add(0, rowsOf(0, 5, 8))).toBe(0);
  buffer.add(3, rowsOf(3, 0, 2));
  expect(places(buffer)).toEqual(["0@5", "0@6", "0@7", "3@0", "3@1"]);
  expect([buffer.rows, buffer.bytes]).toEqual([5, 50]);
  buffer.rebase(
    new Map([
      [0, 7],
      [3, 0],
    ]),
  );
  expect(places(buffer)).toEqual(["0@7", "3@0", "3@1"]);
  expect(ranges(buffer)).toEqual({ 0: { from: 7, to: 8 }, 3: { from: 0, to: 2 } });
  expect([buffer.rows, buffer.bytes]).toEqual([3, 30]);
  buffer.rebase(
    new Map([
      [0, 20],
      [3, 2],
    ]),
  );
  expect(buffer.snapshot()).toBeUndefined();
  expect([buffer.rows, buffer.bytes, buffer.sinceMs]).toEqual([0, 0, undefined]);
  expect(buffer.begin(0, 20)).toBe(20);
});

test("skips redelivered records, and reports a gap unless it precedes everything archived", () => {
  const buffer = new RowBuffer();
  buffer.begin(0, 0);
  expect(buffer.add(0, rowsOf(0, 100, 102))).toBe(0);
  expect(buffer.add(0, rowsOf(0, 100, 103))).toBe(0);
  expect(buffer.add(0, rowsOf(0, 101, 102))).toBe(0);
  expect(buffer.add(0, rowsOf(0, 110, 111))).toBe(7);
  expect(places(buffer)).toEqual(["0@100", "0@101", "0@102", "0@110"]);
  expect(ranges(buffer)).toEqual({ 0: { from: 0, to: 111 } });
});

test("a dead letter advances the end offset without adding a row", () => {
  const buffer = new RowBuffer();
  buffer.begin(0, 4);
  buffer.pass(0, 4);
  expect(buffer.snapshot()).toEqual({ ranges: new Map([[0, { from: 4, to: 5 }]]), rows: [] });
  expect(buffer.sinceMs).toBeGreaterThan(0);
  buffer.add(0, rowsOf(0, 5, 6));
  buffer.pass(0, 2);
  expect(ranges(buffer)).toEqual({ 0: { from: 4, to: 6 } });
});

test("a reassigned partition resumes after its buffered rows, or after the end of the lake if that is later", () => {
  const buffer = new RowBuffer();
  buffer.begin(0, 0);
  buffer.add(0, rowsOf(0, 0, 10));
  expect(buffer.begin(0, 4)).toBe(10);
  expect(places(buffer)[0]).toBe("0@4");
  expect(buffer.begin(0, 12)).toBe(12);
  expect(buffer.rows).toBe(0);
});

test("detects a lake restored to an earlier state, and continues from it after a restart", () => {
  const buffer = new RowBuffer();
  buffer.begin(0, 8);
  buffer.add(0, rowsOf(0, 8, 9));
  expect(() => buffer.rebase(new Map([[0, 3]]))).toThrow(expect.objectContaining({ code: "state-conflict" }));
  expect(buffer.begin(0, 3)).toBe(3);
  expect([buffer.rows, buffer.bytes]).toEqual([0, 0]);
});

test("rejects a partition that was not started, without dead-lettering its records", () => {
  expect(() => new RowBuffer().add(0, rowsOf(0, 0, 1))).toThrow(expect.objectContaining({ code: "state-conflict" }));
});

const isPoison = (offset: number) => offset % 5 === 3;

test("for any order of events, the lake and the buffer together contain each record exactly once", () => {
  const step = fc.record({ kind: fc.constantFrom("receive", "flush", "other", "begin"), count: fc.nat(8) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new RowBuffer();
      const lake = { position: 0, rows: [] as number[] };
      const archiveTo = (to: number, offsets: readonly number[]) => {
        lake.rows.push(...offsets.filter((offset) => !isPoison(offset)));
        lake.position = to;
      };
      const span = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
      let next = buffer.begin(0, 0);
      for (const { kind, count } of steps) {
        if (kind === "begin") next = buffer.begin(0, lake.position);
        if (kind === "receive") {
          for (const offset of span(next, next + count)) {
            if (isPoison(offset)) buffer.pass(0, offset);
            else buffer.add(0, rowsOf(0, offset, offset + 1));
          }
          next += count;
        }
        if (kind === "other") archiveTo(lake.position + count, span(lake.position, lake.position + count));
        if (kind === "flush") {
          buffer.rebase(new Map([[0, lake.position]]));
          const held = buffer.snapshot();
          if (held !== undefined) {
            archiveTo(
              held.ranges.get(0)?.to ?? 0,
              held.rows.map(({ offset }) => offset),
            );
          }
          buffer.rebase(new Map([[0, lake.position]]));
        }
      }
      expect(lake.rows).toEqual(span(0, lake.position).filter((offset) => !isPoison(offset)));
      expect(buffer.rows).toBe(buffer.snapshot()?.rows.length ?? 0);
      expect(buffer.bytes).toBe(buffer.rows * 10);
    }),
  );
});
