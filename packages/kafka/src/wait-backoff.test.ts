import { backoffMs, finishBy, settlesWithin, wait } from "./wait-backoff.js";

test.each([
  [1, 50],
  [2, 100],
  [3, 200],
  [7, 3_200],
  [8, 5_000],
  [2_000, 5_000],
])("the wait after try %d is %d ms", (tries, expected) => {
  expect(backoffMs({ firstMs: 50, maxMs: 5_000 }, tries)).toBe(expected);
});

test("an abort ends a wait immediately, even one that starts later", async () => {
  const abort = new AbortController();
  const startedMs = performance.now();
  const waiting = wait(60_000, abort.signal);
  abort.abort();
  await waiting;
  await wait(60_000, abort.signal);
  expect(performance.now() - startedMs).toBeLessThan(30_000);
});

test("reports whether a promise settles in time, fulfilled or rejected", async () => {
  expect(await settlesWithin(1_000, Promise.resolve())).toBe(true);
  expect(await settlesWithin(1_000, Promise.reject(new Error("no")))).toBe(true);
  expect(await settlesWithin(5, new Promise(() => {}))).toBe(false);
});

test("rejects work at its deadline", async () => {
  expect(await finishBy(performance.now() + 1_000, Promise.resolve(7))).toBe(7);
  await expect(finishBy(performance.now() + 5, new Promise(() => {}))).rejects.toMatchObject({
    code: "kafka-unavailable",
  });
});
