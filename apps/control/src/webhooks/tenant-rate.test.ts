import { TenantRate } from "./tenant-rate.js";

test("each tenant can send up to the limit per second, regardless of other tenants", () => {
  let nowMs = 5_000;
  const rate = new TenantRate(100, () => nowMs);
  expect([rate.take("a", 60), rate.take("a", 60), rate.take("a", 60), rate.take("b", 60)]).toEqual([60, 40, 0, 60]);
  rate.giveBack("a", 10);
  expect(rate.take("a", 60)).toBe(10);
  nowMs += 1_000;
  expect(rate.take("a", 60)).toBe(60);
});

test("0 means no limit", () => {
  expect(new TenantRate(0).take("a", 1_000_000)).toBe(1_000_000);
});
