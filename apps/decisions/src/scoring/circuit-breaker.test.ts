import { CircuitBreaker } from "./circuit-breaker.js";

describe("CircuitBreaker", () => {
  let nowMs = 0;
  let breaker: CircuitBreaker;
  beforeEach(() => {
    nowMs = 5_000;
    breaker = new CircuitBreaker({ failuresMax: 3, openMs: 1_000, nowMs: () => nowMs });
  });
  const fail = (times: number) => {
    for (let count = 0; count < times; count += 1) breaker.failed();
  };

  test("stays closed below three failures in a row", () => {
    fail(2);
    breaker.succeeded();
    fail(2);
    expect(breaker.allows()).toBe(true);
  });

  test("opens for a second at the third failure, then allows one call", () => {
    fail(3);
    expect(breaker.allows()).toBe(false);
    nowMs += 999;
    expect(breaker.allows()).toBe(false);
    nowMs += 1;
    expect(breaker.allows()).toBe(true);
    expect(breaker.allows()).toBe(false);
  });

  test("closes if that call succeeds, and opens again if it fails", () => {
    fail(3);
    nowMs += 1_000;
    expect(breaker.allows()).toBe(true);
    nowMs += 500;
    breaker.failed();
    nowMs += 999;
    expect(breaker.allows()).toBe(false);
    nowMs += 1;
    expect(breaker.allows()).toBe(true);
    breaker.succeeded();
    expect(breaker.allows()).toBe(true);
    expect(breaker.allows()).toBe(true);
  });

  test("reports the first failure of a series and its end", () => {
    expect([breaker.failed(), breaker.failed(), breaker.succeeded(), breaker.succeeded()]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});
