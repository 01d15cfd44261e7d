import { TriplineError } from "@tripline/contracts/error-table";
import type { Expiring } from "./renew-token.js";
import { renewing } from "./renew-token.js";

const HOUR_MS = 3_600_000;

interface Numbered extends Expiring {
  readonly number: number;
}

/** A manual clock, and a source that counts its requests. */
function setUp(lifetimeMs = HOUR_MS, patienceMs?: number) {
  const state = { nowMs: 1_000, asked: 0, isAway: false, answers: [] as (() => void)[], isHeld: false };
  const get = renewing<Numbered>(
    async () => {
      state.asked += 1;
      const number = state.asked;
      if (state.isHeld) await new Promise<void>((resolve) => state.answers.push(resolve));
      if (state.isAway) throw new TriplineError("identity-unavailable", "away");
      return { number, expiresAtMs: state.nowMs + lifetimeMs };
    },
    { now: () => state.nowMs, pause: async () => {}, ...(patienceMs === undefined ? {} : { patienceMs }) },
  );
  const number = async () => (await get()).value.number;
  return { state, get, number };
}

test("keeps a token until it is due, and then renews it", async () => {
  const { state, get, number } = setUp();
  expect(await number()).toBe(1);
  expect((await get()).renewAtMs).toBe(1_000 + HOUR_MS - 225_000);
  state.nowMs += HOUR_MS - 225_001;
  expect(await number()).toBe(1);
  state.nowMs += 1;
  expect(await number()).toBe(2);
});

test("renews a short-lived token in the last quarter of its lifetime", async () => {
  const { get } = setUp(8_000);
  expect((await get()).renewAtMs).toBe(7_000);
});

test("sends one request at a time for any number of callers", async () => {
  const { state, number } = setUp();
  state.isHeld = true;
  const asking = [number(), number(), number()];
  for (const answer of state.answers.splice(0)) answer();
  expect(await Promise.all(asking)).toEqual([1, 1, 1]);
  expect(state.asked).toBe(1);
});

test("uses the old token while it is valid if renewal fails, and waits before the next attempt", async () => {
  const { state, number } = setUp();
  await number();
  state.isAway = true;
  state.nowMs += HOUR_MS - 60_000;
  expect(await number()).toBe(1);
  expect(state.asked).toBe(4); // Three attempts.
  expect(await number()).toBe(1);
  expect(state.asked).toBe(4);
  state.nowMs += 60_000;
  await expect(number()).rejects.toMatchObject({ code: "identity-unavailable", message: "away" });
  await expect(number()).rejects.toMatchObject({ code: "identity-unavailable" });
  expect(state.asked).toBe(7);
  state.isAway = false;
  state.nowMs += 1_000;
  expect(await number()).toBe(8);
});

test("uses the old token while renewal is slow; after the first caller's wait, others do not wait", async () => {
  const { state, number } = setUp(HOUR_MS, 1);
  await number();
  state.isHeld = true;
  state.nowMs += HOUR_MS - 60_000;
  expect(await Promise.all([number(), number()])).toEqual([1, 1]);
  expect(await number()).toBe(1);
  state.nowMs += 60_000;
  const waiting = number();
  for (const answer of state.answers.splice(0)) answer();
  expect(await waiting).toBe(2);
  expect(state.asked).toBe(2);
});

test("calls a source that retries by itself only once", async () => {
  let asked = 0;
  const away = async (): Promise<Numbered> => {
    asked += 1;
    throw new TriplineError("identity-unavailable", "away");
  };
  await expect(renewing(away, { attemptsMax: 1 })()).rejects.toThrow("away");
  expect(asked).toBe(1);
});

test("converts other errors into TriplineErrors", async () => {
  const get = renewing<Numbered>(() => Promise.reject(new Error("odd")), { pause: async () => {} });
  await expect(get()).rejects.toMatchObject({ code: "internal", message: "odd" });
});
