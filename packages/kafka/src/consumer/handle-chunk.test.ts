import type { ErrorCode } from "@tripline/contracts/error-table";
import { TriplineError } from "@tripline/contracts/error-table";
import { handleChunk } from "./handle-chunk.js";

interface Trace {
  readonly calls: number[][];
  readonly handled: number[];
  readonly deadLettered: [number, string][];
  readonly done: number[];
  readonly failing: string[];
}

/** `fail` returns the error of a batch, if any; it receives the number of earlier attempts of the same batch. */
function stage(fail: (records: readonly number[], before: number) => ErrorCode | undefined, deadLetterFails = 0) {
  const trace: Trace = { calls: [], handled: [], deadLettered: [], done: [], failing: [] };
  const abort = new AbortController();
  const tries = new Map<string, number>();
  let deadLetterFailures = deadLetterFails;
  const steps = {
    signal: abort.signal,
    log: () => {},
    backoff: { firstMs: 1, maxMs: 1 },
    async handle(records: readonly number[]) {
      trace.calls.push([...records]);
      const before = tries.get(String(records)) ?? 0;
      tries.set(String(records), before + 1);
      const code = fail(records, before);
      if (code !== undefined) throw new TriplineError(code, `no: ${code}`);
      trace.handled.push(...records);
    },
    async deadLetter(record: number, error: TriplineError) {
      if (deadLetterFailures-- > 0) throw new TriplineError("kafka-unavailable", "down");
      trace.deadLettered.push([record, error.code]);
    },
    done: (last: number) => void trace.done.push(last),
    failing: ({ code }: TriplineError) => void trace.failing.push(code),
  };
  return { trace, steps, abort };
}

const upTo = (count: number) => [...Array(count).keys()];

test("marks a handled chunk as done immediately", async () => {
  const { trace, steps } = stage(() => undefined);
  expect(await handleChunk(upTo(5), steps)).toBe(true);
  expect(trace).toEqual({ calls: [upTo(5)], handled: upTo(5), deadLettered: [], done: [4], failing: [] });
});

test.each([0, 1, 6, 7, 8, 15])("isolates bad record %d of 16, and processes the others in order", async (bad) => {
  const { trace, steps } = stage((records) => (records.includes(bad) ? "message-unreadable" : undefined));
  expect(await handleChunk(upTo(16), steps)).toBe(true);
  expect(trace.handled).toEqual(upTo(16).filter((record) => record !== bad));
  expect(trace.deadLettered).toEqual([[bad, "message-unreadable"]]);
  expect(trace.done).toEqual([...trace.done].sort((a, b) => a - b));
  expect(trace.done.at(-1)).toBe(15);
  // Halving 16 four times: each level fails once with the bad record and succeeds once without.
  expect(trace.calls).toHaveLength(9);
});

test("dead-letters every record of a chunk with only bad records", async () => {
  const { trace, steps } = stage(() => "invalid-field");
  expect(await handleChunk(upTo(7), steps)).toBe(true);
  expect(trace.deadLettered.map(([record]) => record)).toEqual(upTo(7));
  expect(trace.done).toEqual(upTo(7));
});

test("retries a temporary fault until it ends, with the whole chunk", async () => {
  const { trace, steps } = stage((_, before) => (before < 20 ? "redis-unavailable" : undefined));
  expect(await handleChunk(upTo(3), steps)).toBe(true);
  expect(trace.calls).toHaveLength(21);
  expect(trace.failing).toEqual(Array(20).fill("redis-unavailable"));
  expect(trace.handled).toEqual(upTo(3));
  expect(trace.deadLettered).toEqual([]);
});

test("retries an internal error five times, then the bad record alone five times, then dead-letters it", async () => {
  const { trace, steps } = stage((records) => (records.includes(2) ? "internal" : undefined));
  expect(await handleChunk(upTo(4), steps)).toBe(true);
  const count = (records: readonly number[]) => trace.calls.filter((call) => String(call) === String(records)).length;
  expect(count([0, 1, 2, 3])).toBe(6);
  expect(count([2, 3])).toBe(1);
  expect(count([2])).toBe(6);
  expect(trace.handled).toEqual([0, 1, 3]);
  expect(trace.deadLettered).toEqual([[2, "internal"]]);
});

test("dead-letters nothing if an internal error ends within five tries", async () => {
  const { trace, steps } = stage((_, before) => (before < 5 ? "internal" : undefined));
  expect(await handleChunk(upTo(4), steps)).toBe(true);
  expect(trace.calls).toHaveLength(6);
  expect(trace.deadLettered).toEqual([]);
});

test("treats anything thrown that is not a TriplineError as internal", async () => {
  const { trace, steps } = stage(() => undefined);
  const handle = async () => {
    throw new RangeError("a bug");
  };
  expect(await handleChunk([0], { ...steps, handle })).toBe(true);
  expect(trace.deadLettered).toEqual([[0, "internal"]]);
});

test("throws an error with the reaction stop, and marks earlier records as done", async () => {
  const { trace, steps } = stage((records) => {
    if (records.includes(0)) return "message-unreadable";
    return records.includes(3) ? "state-unreadable" : undefined;
  });
  await expect(handleChunk(upTo(4), steps)).rejects.toMatchObject({ code: "state-unreadable" });
  expect(trace.deadLettered).toEqual([[0, "message-unreadable"]]);
  expect(trace.done).toEqual([0, 1]);
});

test("marks a record as done only when its dead letter is acknowledged", async () => {
  const { trace, steps } = stage(() => "message-unreadable", 3);
  expect(await handleChunk([0], steps)).toBe(true);
  expect(trace.failing).toEqual(Array(3).fill("kafka-unavailable"));
  expect(trace.deadLettered).toEqual([[0, "message-unreadable"]]);
  expect(trace.done).toEqual([0]);
});

test("an abort ends the retries and marks nothing as done", async () => {
  const { trace, steps, abort } = stage(() => "redis-unavailable");
  const handling = handleChunk(upTo(3), { ...steps, backoff: { firstMs: 60_000, maxMs: 60_000 } });
  abort.abort();
  expect(await handling).toBe(false);
  expect(trace.calls).toHaveLength(1);
  expect(trace.done).toEqual([]);
});
