import { createRequire } from "node:module";
import { patchRequestQueue } from "./patch-request-queue.js";

interface RequestQueue {
  throttledUntil: number;
  pending: unknown[];
  scheduleCheckPendingRequests(): void;
  destroy(): void;
}

type RequestQueueClass = new (options: object) => RequestQueue;

/** The delays of the timers that one check of the patched queue sets. */
function delaysOf(prepare: (queue: RequestQueue) => void): unknown[] {
  const RequestQueue: RequestQueueClass = createRequire(import.meta.url)("kafkajs/src/network/requestQueue/index.js");
  patchRequestQueue();
  const queue = new RequestQueue({ logger: { debug: () => {} } });
  prepare(queue);
  const delays: unknown[] = [];
  const original = globalThis.setTimeout;
  const spy = (work: () => void, ms?: number) => {
    delays.push(ms);
    return original(work, Math.max(0, ms ?? 0));
  };
  globalThis.setTimeout = Object.assign(spy, original);
  try {
    queue.scheduleCheckPendingRequests();
  } finally {
    globalThis.setTimeout = original;
    queue.destroy();
  }
  return delays;
}

test("sets no timer when no request is waiting, and never a negative delay", () => {
  expect(delaysOf(() => {})).toEqual([]);
});

test("checks a waiting request soon", () => {
  expect(delaysOf(({ pending }) => pending.push({}))).toEqual([10]);
});

test("checks a throttled queue when the throttle ends", () => {
  const delays = delaysOf((queue) => {
    queue.throttledUntil = Date.now() + 500;
  });
  expect(delays).toHaveLength(1);
  expect(Number(delays[0])).toBeGreaterThan(400);
});

test("regression #24: sets no negative delay if a throttle ends between two reads of the clock", () => {
  const { now } = Date;
  let atMs = now();
  try {
    const delays = delaysOf((queue) => {
      queue.throttledUntil = atMs + 1;
      Date.now = () => {
        atMs += 2;
        return atMs - 2;
      };
    });
    expect(delays).toEqual([1]);
  } finally {
    Date.now = now;
  }
});
