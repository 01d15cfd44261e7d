import { CallPolicy } from "./call-policy.js";
import { FeastError } from "./feast-error.js";

const unavailable = () => Promise.reject(new FeastError("unavailable", "not there"));

test("tries a read once if the error is permanent or of a different kind", async () => {
  const policy = new CallPolicy({ attemptsMax: 5 });
  for (const error of [new FeastError("server-error", "no"), new Error("other")]) {
    let tries = 0;
    const read = policy.retry(policy.startCall(), () => {
      tries += 1;
      return Promise.reject(error);
    });
    await expect(read).rejects.toBe(error);
    expect(tries).toBe(1);
  }
});

test("makes no attempt if too little time remains", async () => {
  const policy = new CallPolicy({ attemptsMax: 10 });
  let tries = 0;
  const read = policy.retry(policy.startCall({ timeoutMs: 1 }), () => {
    tries += 1;
    return unavailable();
  });
  await expect(read).rejects.toMatchObject({ code: "unavailable" });
  expect(tries).toBeLessThan(10);
});

test("the caller can cancel a call between two attempts", async () => {
  const policy = new CallPolicy({ attemptsMax: 1_000, timeoutMs: 60_000 });
  const controller = new AbortController();
  const read = policy.retry(policy.startCall({ signal: controller.signal }), unavailable);
  controller.abort(new Error("gone"));
  await expect(read).rejects.toMatchObject({ code: "aborted", cause: { message: "gone" } });
});

test("ignores a promise that is rejected after its call has ended", async () => {
  const policy = new CallPolicy({});
  const controller = new AbortController();
  const call = policy.startCall({ signal: controller.signal });
  controller.abort();
  // An unhandled rejection would fail the test run.
  await expect(call.bound(unavailable())).rejects.toMatchObject({ code: "aborted" });
  let fail = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    fail = () => reject(new Error("late"));
  });
  await expect(policy.startCall({ timeoutMs: 1 }).bound(late)).rejects.toMatchObject({ code: "deadline-exceeded" });
  fail();
  await new Promise((resolve) => setImmediate(resolve));
});

test.each([0, 1.5, -1, Number.NaN])("rejects attemptsMax %p", (attemptsMax) => {
  const fault = expect.objectContaining({ code: "invalid-request", field: "attemptsMax" });
  expect(() => new CallPolicy({ attemptsMax })).toThrow(fault);
});
