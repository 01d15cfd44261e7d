import type { DelayCell } from "@tripline/decision-engine/backtest/label-delay";
import { labelDelayDays } from "@tripline/decision-engine/backtest/label-delay";
import { seedRandom } from "@tripline/simulator/seed-random";

test("is the plain quantile if every payment is old enough", () => {
  const cells = [...Array(20).keys()].map((delayDays): DelayCell => ({ ageDays: 100, delayDays, labels: 10 }));
  // 95 % have arrived by the end of day 18 (counted from 0).
  expect(labelDelayDays(cells, 0.95)).toBe(19);
  expect(labelDelayDays(cells, 0.5)).toBe(10);
  expect(labelDelayDays(cells, 1)).toBe(20);
});

test("is not too short if late labels of recent payments are still missing", () => {
  const random = seedRandom(3, 6, 1, 0);
  const counts = new Map<string, number>();
  const naive: number[] = [];
  for (let payment = 0; payment < 20_000; payment += 1) {
    const ageDays = Math.floor(random() * 30);
    // Geometric with a mean of 8 days: 95 % arrive within 25 days; of those within 30 days, 95 % arrive within 20.
    const delayDays = Math.floor(Math.log(1 - random()) / Math.log(8 / 9));
    if (delayDays >= ageDays) continue;
    naive.push(delayDays);
    counts.set(`${ageDays} ${delayDays}`, (counts.get(`${ageDays} ${delayDays}`) ?? 0) + 1);
  }
  const cells = [...counts].map(([key, labels]): DelayCell => {
    const [ageDays = 0, delayDays = 0] = key.split(" ").map(Number);
    return { ageDays, delayDays, labels };
  });
  // Share of the labels that arrive within 28 days, the longest delay that can be observed for enough payments.
  const within = (days: number) => (1 - (8 / 9) ** days) / (1 - (8 / 9) ** 28);
  const truth = [...Array(28).keys()].find((day) => within(day + 1) >= 0.95) ?? 0;
  const found = labelDelayDays(cells, 0.95) ?? 0;
  expect(Math.abs(found - (truth + 1))).toBeLessThanOrEqual(2);
  naive.sort((left, right) => left - right);
  expect((naive[Math.floor(naive.length * 0.95)] ?? 0) + 1).toBeLessThan(found - 2);
});

test("a single late label of the oldest payment has no effect", () => {
  const cells = [
    { ageDays: 60, delayDays: 3, labels: 500 },
    { ageDays: 61, delayDays: 60, labels: 1 },
  ];
  expect(labelDelayDays(cells, 0.95)).toBe(4);
});

test("is one day if all labels arrive on the day of the payment, and undefined without labels", () => {
  expect(labelDelayDays([{ ageDays: 0, delayDays: 0, labels: 4 }], 0.95)).toBe(1);
  expect(labelDelayDays([], 0.95)).toBeUndefined();
});
