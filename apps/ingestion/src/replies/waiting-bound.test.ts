import { WaitingBound } from "./waiting-bound.js";

const TARGET_MS = 150;
/** Time to a decision and back, without queueing. */
const LATENCY_MS = 20;

interface Course {
  readonly ms: number;
  /** Callers that arrive per second, at a given time. */
  offered(atMs: number): number;
  /** Answered callers per second at most, over time. */
  capacity(atMs: number): number;
  /** Number of replies that arrive together. */
  readonly burst?: number;
}

interface Happened {
  readonly atMs: number;
  /** How long the caller waited; undefined if it was rejected. */
  readonly waitedMs: number | undefined;
}

/** Simulates millisecond by millisecond: callers arrive evenly, and are answered in order. */
function play({ ms, offered, capacity, burst = 1 }: Course): Happened[] {
  let now = 0;
  const bound = new WaitingBound(TARGET_MS, () => now);
  const queue: number[] = [];
  const happened: Happened[] = [];
  let due = 0;
  let credit = 0;
  for (; now < ms; now += 1) {
    due += offered(now) / 1_000;
    for (; due >= 1; due -= 1) {
      if (bound.isTooMany()) happened.push({ atMs: now, waitedMs: undefined });
      else {
        bound.begin();
        queue.push(now);
      }
    }
    credit = Math.min(credit + capacity(now) / 1_000, Math.max(burst, queue.length));
    while (credit >= burst && queue.length > 0 && now - (queue[0] ?? now) >= LATENCY_MS) {
      for (const cameAtMs of queue.splice(0, burst)) {
        bound.end(true);
        happened.push({ atMs: now, waitedMs: now - cameAtMs });
        credit -= 1;
      }
    }
  }
  expect(bound.waiting).toBe(queue.length);
  return happened;
}

const within = (happened: readonly Happened[], fromMs: number, toMs: number) =>
  happened.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
const waits = (happened: readonly Happened[]) =>
  happened.flatMap(({ waitedMs }) => (waitedMs === undefined ? [] : [waitedMs])).sort((one, other) => one - other);
const refused = (happened: readonly Happened[]) => happened.length - waits(happened).length;
const quantile = (sorted: readonly number[], share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;

test.each([
  ["one at a time", 1],
  ["in bursts of 50", 50],
])(
  "at three times the capacity, with replies %s, serves as many callers as possible within the target",
  (_name, burst) => {
    const happened = play({ ms: 12_000, burst, offered: (at) => (at < 2_000 ? 1_000 : 6_000), capacity: () => 2_000 });
    expect(refused(within(happened, 0, 2_000))).toBe(0);
    const settled = within(happened, 3_000, 12_000);
    expect(waits(settled).length / 9).toBeGreaterThan(1_950);
    expect(quantile(waits(settled), 0.5)).toBeGreaterThan(TARGET_MS * 0.7);
    expect(quantile(waits(settled), 0.99)).toBeLessThan(TARGET_MS * 1.3);
    expect(quantile(waits(within(happened, 2_000, 3_000)), 0.99)).toBeLessThan(TARGET_MS * 2);
  },
);

test("when the rate of replies falls to a third, the limit follows within two seconds", () => {
  const happened = play({ ms: 8_000, offered: () => 3_000, capacity: (at) => (at < 3_000 ? 4_000 : 1_200) });
  expect(refused(within(happened, 0, 3_000))).toBe(0);
  expect(quantile(waits(within(happened, 5_000, 8_000)), 0.99)).toBeLessThan(TARGET_MS * 1.3);
  expect(waits(within(happened, 4_000, 8_000)).length / 4).toBeGreaterThan(1_170);
});

test("rejects no caller who can be served in time, at 90 % of capacity or in a sudden tenfold burst", () => {
  expect(refused(play({ ms: 5_000, burst: 20, offered: () => 1_800, capacity: () => 2_000 }))).toBe(0);
  expect(
    refused(play({ ms: 5_000, burst: 20, offered: (at) => (at < 2_000 ? 200 : 2_000), capacity: () => 4_000 })),
  ).toBe(0);
});

test.each([
  [10_000, 0],
  [600_000, 120],
])("after %i ms without traffic, 220 callers arrive together, and %i of them are rejected", (quietMs, expected) => {
  const busyMs = 2_000;
  const offered = (at: number) => (at < busyMs ? 1_800 : at === busyMs + quietMs ? 219_000 : 1);
  const happened = play({ ms: busyMs + quietMs + 1_000, offered, capacity: () => 2_000 });
  expect(refused(happened)).toBe(expected);
});

test("callers wait while no replies arrive and while the backlog is processed", () => {
  const isStanding = (at: number) => at >= 2_000 && at < 5_000;
  const happened = play({
    ms: 10_000,
    offered: () => 1_000,
    capacity: (at) => (isStanding(at) ? 0 : 5_000),
  });
  // Until the standstill is detected, and until replies outpace arrivals, it looks like an overload.
  expect(refused(happened)).toBeLessThan(400);
  expect(refused(within(happened, 2_300, 5_000))).toBe(0);
  expect(refused(within(happened, 5_300, 10_000))).toBe(0);
});

test("keeps rejecting callers if replies arrive in bursts and no caller waits in between", () => {
  let now = 0;
  const bound = new WaitingBound(TARGET_MS, () => now);
  const answer = (count: number) => {
    for (let done = 0; done < count; done += 1) {
      bound.begin();
      bound.end(true);
    }
  };
  answer(1_000);
  expect(bound.limit).toBe(300);
  for (now = 1_000; now < 2_000; now += 10) {
    for (let count = 0; count < 50; count += 1) bound.isTooMany();
    answer(8);
  }
  expect(bound.limit).toBeLessThan(130);
});

test.each([
  [true, 450],
  [false, 100],
])("after 1,500 callers within one window (answered: %s), the limit is %i", (isAnswered, limit) => {
  const bound = new WaitingBound(TARGET_MS, () => 0);
  for (let count = 0; count < 1_500; count += 1) {
    bound.begin();
    bound.end(isAnswered);
  }
  expect(bound.limit).toBe(limit);
});

test("a pause of replies during an overload does not end the overload", () => {
  const isStanding = (at: number) => at >= 4_000 && at < 6_000;
  const capacity = (at: number) => (isStanding(at) ? 0 : 2_000);
  const happened = play({ ms: 10_000, offered: (at) => (at < 1_000 ? 1_000 : 6_000), capacity });
  // Almost all of these callers were already waiting when the standstill began.
  expect(waits(happened).filter((waitedMs) => waitedMs > 2 * TARGET_MS).length).toBeLessThan(500);
  expect(quantile(waits(within(happened, 7_000, 10_000)), 0.99)).toBeLessThan(TARGET_MS * 1.3);
  expect(waits(within(happened, 7_000, 10_000)).length / 3).toBeGreaterThan(1_950);
});

test("at least a hundred callers may wait, even if few replies arrive", () => {
  let now = 0;
  const bound = new WaitingBound(TARGET_MS, () => now);
  for (let count = 0; count < 100; count += 1) {
    expect(bound.isTooMany()).toBe(false);
    bound.begin();
  }
  now = 200;
  bound.end(true);
  expect(bound.limit).toBe(100);
  bound.begin();
  expect(bound.isTooMany()).toBe(true);
  // Callers who give up free their places, and do not count as answered.
  bound.end(false);
  expect(bound.isTooMany()).toBe(false);
});
