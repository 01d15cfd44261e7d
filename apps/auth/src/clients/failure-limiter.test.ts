import { FailureLimiter } from "./failure-limiter.js";

function limiterAt(start: { nowMs: number }): FailureLimiter {
  return new FailureLimiter({ failuresMax: 3, windowMs: 60_000, keysMax: 2 }, () => start.nowMs);
}

describe("FailureLimiter", () => {
  test("blocks a key after too many failures, returns the remaining time, and unblocks it afterwards", () => {
    const clock = { nowMs: 1_000 };
    const limiter = limiterAt(clock);
    limiter.recordFailure("a");
    clock.nowMs += 20_500;
    limiter.recordFailure("a");
    expect(limiter.retryAfterSeconds("a")).toBeUndefined();
    limiter.recordFailure("a");
    expect(limiter.retryAfterSeconds("a")).toBe(40);
    expect(limiter.retryAfterSeconds("b")).toBeUndefined();
    clock.nowMs = 60_999;
    expect(limiter.retryAfterSeconds("a")).toBe(1);
    clock.nowMs = 61_000;
    expect(limiter.retryAfterSeconds("a")).toBeUndefined();
  });

  test("counts attempts in progress as failures until they end, without blocking other requests", () => {
    const limiter = limiterAt({ nowMs: 0 });
    limiter.recordFailure("a");
    expect(limiter.begin("a")).toBeUndefined();
    expect(limiter.begin("a")).toBeUndefined();
    expect(limiter.begin("a")).toBe(60);
    expect(limiter.retryAfterSeconds("a")).toBeUndefined();
    limiter.end("a", false);
    expect(limiter.begin("a")).toBeUndefined();
    limiter.end("a", true);
    limiter.end("a", true);
    expect(limiter.retryAfterSeconds("a")).toBe(60);
  });

  test("an attempt that ends in a later window does not lower that window's count", () => {
    const clock = { nowMs: 0 };
    const limiter = limiterAt(clock);
    limiter.begin("a");
    clock.nowMs = 60_000;
    limiter.end("a", false);
    for (const _ of [1, 2, 3]) expect(limiter.begin("a")).toBeUndefined();
    expect(limiter.begin("a")).toBe(60);
  });

  test("counts from zero in the next window", () => {
    const clock = { nowMs: 0 };
    const limiter = limiterAt(clock);
    for (let failure = 0; failure < 3; failure += 1) limiter.recordFailure("a");
    clock.nowMs = 60_000;
    limiter.recordFailure("a");
    expect(limiter.retryAfterSeconds("a")).toBeUndefined();
  });

  test("tracks a bounded number of keys and evicts the oldest window first", () => {
    const limiter = limiterAt({ nowMs: 0 });
    for (const key of ["a", "b"]) for (let failure = 0; failure < 3; failure += 1) limiter.recordFailure(key);
    limiter.recordFailure("c");
    expect(limiter.retryAfterSeconds("a")).toBeUndefined();
    expect(limiter.retryAfterSeconds("b")).toBe(60);
  });
});
