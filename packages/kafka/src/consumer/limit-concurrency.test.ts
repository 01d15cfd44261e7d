import { ConcurrencyLimit } from "./limit-concurrency.js";

test("no more than the limit run at a time, in the order they came, whatever their outcome", async () => {
  const limit = new ConcurrencyLimit(2);
  const began: number[] = [];
  let running = 0;
  let runningMax = 0;
  const work = (index: number) => async () => {
    began.push(index);
    running += 1;
    runningMax = Math.max(runningMax, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (index % 2 === 0) throw new Error("even");
    return index;
  };
  const results = await Promise.allSettled([0, 1, 2, 3, 4, 5].map((index) => limit.run(work(index))));
  expect(began).toEqual([0, 1, 2, 3, 4, 5]);
  expect(runningMax).toBe(2);
  expect(results.map(({ status }) => status)).toEqual(
    [..."010101"].map((odd) => (odd === "1" ? "fulfilled" : "rejected")),
  );
});
