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

test("no timer is set, least of all with a negative delay, where no request waits", () => {
  expect(delaysOf(() => {})).toEqual([]);
});

test("a waiting request is looked at soon", () => {
  expect(delaysOf(({ pending }) => pending.push({}))).toEqual([10]);
});

test("a throttled queue is looked at when its time is over", () => {
  const delays = delaysOf((queue) => {
    queue.throttledUntil = Date.now() + 500;
  });
  expect(delays).toHaveLength(1);
  expect(Number(delays[0])).toBeGreaterThan(400);
});

test("regression #24: a throttle that ends between two looks at the clock sets no negative delay", () => {
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
