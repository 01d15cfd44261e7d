import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { specOf, wideSpec } from "../testing/specs.js";
import { DAY_MS, HOUR_MS, MINUTE_MS, TestStates } from "../testing/states.js";
import { compileEngine } from "./compile-engine.js";

const engine = compileEngine(currentFeatureSpec());
const fresh = () => new TestStates(engine);
/** A Wednesday; the day after is 29 February. */
const START_MS = Date.UTC(2024, 1, 28, 22);

test("a first payment has defaults for the past, and counts itself", () => {
  expect(fresh().pay(START_MS, { amountMinor: 5716 })).toMatchObject({
    amount: 57.16,
    hour_of_day: 22,
    is_weekend: 0,
    is_night: 0,
    card_count_5m: 1,
    card_count_1d: 1,
    card_sum_1d: 57.16,
    card_mean_30d: 57.16,
    card_max_7d: 57.16,
    card_std_30d: 0,
    card_z_score_7d: 0,
    card_ratio_30d: 1,
    card_seconds_since_last: 2_592_000,
    card_distance_from_home: -1,
    card_terminals_1d: 1,
    card_risk_7d: 0.01,
    card_days_since_first_fraud: 3650,
    card_terminal_is_new: 1,
    card_terminal_count: 1,
    card_terminal_seconds_since_last: 2_592_000,
    terminal_fraud_rate_7d: 0,
  });
});

test("every kind returns its default if and only if there is no history", () => {
  const states = new TestStates(compileEngine(wideSpec));
  const ofCard = (values: Record<string, number>) =>
    Object.fromEntries(
      Object.entries(values).flatMap(([name, value]) =>
        name.startsWith("card_") && !name.includes("profile") && value === -7
          ? [[name.slice("card_".length).replace(/_(5m|2h|1d|3d)$/, ""), value]]
          : [],
      ),
    );
  expect(Object.keys(ofCard(states.pay(START_MS))).sort()).toEqual([
    "days_since_first_fraud",
    "days_since_last_genuine",
    "days_since_run_began",
    "distance_from_home",
    "distance_from_last",
    "fraud_count",
    "fraud_rate",
    "label_count",
    "pair_seconds_since_last",
    "ratio_to_mean",
    "ratio_to_usual",
    "seconds_since_last",
    "std",
    "z_score",
  ]);
  const place = { latitude: 1, longitude: 2 };
  states.pay(START_MS, place);
  states.pay(START_MS + 1, { ...place, amountMinor: 1100 });
  states.label(START_MS + 1, { fraud: false, occurredAtMs: START_MS });
  states.label(START_MS + 2);
  expect(ofCard(states.pay(START_MS + 2, place))).toEqual({});
});

test("the counted period ends exactly at the payment, and begins up to one tile before the window", () => {
  const states = fresh();
  const start = Date.UTC(2024, 1, 28, 0, 30);
  states.pay(start);
  // The tile from 0:00 to 1:00 is still covered at 0:59:59.999 of the next day, but no longer at 1:00.
  expect(states.pay(start + DAY_MS + 30 * MINUTE_MS - 1, { amountMinor: 3000 })).toMatchObject({ card_count_1d: 2 });
  expect(states.pay(start + DAY_MS + 30 * MINUTE_MS, { amountMinor: 3000 })).toMatchObject({
    card_count_1d: 2,
    card_count_7d: 3,
    card_ratio_30d: 1.5,
    card_seconds_since_last: 0.001,
  });
});

test("two windows over the same tiles keep their own ends", () => {
  const states = new TestStates(compileEngine(wideSpec));
  const start = Date.UTC(2024, 1, 28);
  states.pay(start, { amountMinor: 9000 });
  states.pay(start + 2 * HOUR_MS, { amountMinor: 500 });
  expect(states.pay(start + 3 * HOUR_MS, { amountMinor: 700 })).toMatchObject({
    card_count_2h: 2,
    card_sum_2h: 12,
    card_max_2h: 7,
    card_count_1d: 3,
    card_max_1d: 90,
  });
});

test.each([
  ["Saturday 6:59", Date.UTC(2024, 2, 2, 6, 59), [6, 6, 1, 1]],
  ["Sunday 7:00", Date.UTC(2024, 2, 3, 7), [7, 7, 1, 0]],
  ["Thursday 29 February 0:00", Date.UTC(2024, 1, 29), [0, 4, 0, 1]],
  ["Monday 23:59", Date.UTC(2024, 2, 4, 23, 59), [23, 1, 0, 0]],
  ["Friday 23:59:59.999", Date.UTC(2024, 2, 2) - 1, [23, 5, 0, 0]],
  ["Sunday 2:30, after the clocks of Europe went forward", Date.UTC(2024, 2, 31, 2, 30), [2, 7, 1, 1]],
  ["the epoch, a Thursday", 0, [0, 4, 0, 1]],
])("calendar features at %s UTC", (_name, atMs, [hour, day, weekend, night]) => {
  const calendar = specOf(
    { "1d": { width: "1d", tile: "1h" } },
    ["hour_of_day", "day_of_week", "is_weekend", "is_night"].map((kind) => ({ kind })),
  );
  expect(new TestStates(compileEngine(calendar)).pay(atMs)).toEqual({
    payment_hour_of_day: hour,
    payment_day_of_week: day,
    payment_is_weekend: weekend,
    payment_is_night: night,
  });
});

test.each([
  ["EUR", 1234, 12.34],
  ["JPY", 1234, 1234],
  ["KWD", 1234, 1.234],
])("amounts of %s are in major units and add up exactly", (currency, amountMinor, amount) => {
  const states = fresh();
  for (let index = 0; index < 9; index += 1) states.pay(START_MS, { currency, amountMinor });
  expect(states.pay(START_MS, { currency, amountMinor })).toMatchObject({
    amount,
    card_sum_1d: Math.round(amount * 10_000) / 1000,
    card_max_7d: amount,
    card_std_30d: 0,
  });
});

test("amounts are compared with earlier ones only", () => {
  const states = fresh();
  for (const amountMinor of [1000, 2000, 3000]) states.pay(START_MS, { amountMinor });
  expect(states.pay(START_MS, { amountMinor: 5000 })).toMatchObject({
    card_std_30d: 10,
    card_z_score_30d: 3,
    card_z_score_7d: 3,
    card_ratio_30d: 2.5,
    terminal_z_score_30d: 3,
  });
});

test("a card with constant amounts has no deviation, however large they are", () => {
  const states = fresh();
  for (let index = 0; index < 50; index += 1) {
    const values = states.pay(START_MS + index * HOUR_MS, { amountMinor: 123_456_789_013 });
    expect(values).toMatchObject({ card_std_30d: 0, card_z_score_30d: 0, card_z_score_7d: 0 });
  }
});

test("flags a payment older than all windows without counting it, and counts a late payment in its own tile", () => {
  const states = fresh();
  states.pay(START_MS + 40 * DAY_MS);
  const [card, terminal] = [states.of("card", "c"), states.of("terminal", "t")];
  const late = { cardToken: "c", terminalId: "t", currency: "EUR" };
  expect(
    engine.applyPayment([card, terminal], { ...late, transactionId: "a", amountMinor: 5000, occurredAtMs: START_MS }),
  ).toMatchObject({ duplicate: false, tooLate: true });
  const occurredAtMs = START_MS + 20 * DAY_MS;
  expect(
    engine.applyPayment([card, terminal], { ...late, transactionId: "b", amountMinor: 7000, occurredAtMs }),
  ).toMatchObject({ duplicate: false, tooLate: false });
  expect(states.pay(START_MS + 40 * DAY_MS + 1)).toMatchObject({
    card_count_30d: 3,
    card_count_7d: 2,
    card_max_30d: 70,
    card_terminal_count: 3,
  });
});

test("an out-of-order payment sees no later tile, and its time since the last payment is unknown", () => {
  const states = fresh();
  states.pay(START_MS);
  states.pay(START_MS + 2 * DAY_MS, { amountMinor: 9000 });
  expect(states.pay(START_MS + DAY_MS)).toMatchObject({
    card_count_7d: 2,
    card_max_30d: 10,
    card_seconds_since_last: 2_592_000,
    card_terminal_seconds_since_last: 2_592_000,
    card_terminal_is_new: 0,
    card_terminal_count: 3,
  });
});

test.each([
  ["at the same time", 0, 0],
  ["at the end of the longest window", 30 * DAY_MS, 2_592_000],
  ["a second within it", 30 * DAY_MS - 1000, 2_591_999],
  ["a millisecond after it counts as none", 30 * DAY_MS + 1, -7],
])("a last payment %s", (_name, passedMs, seconds) => {
  const spec = specOf({ "30d": { width: "30d", tile: "1d" } }, [
    { kind: "count", entity: "card", window: "30d" },
    { kind: "seconds_since_last", entity: "card" },
  ]);
  const states = new TestStates(compileEngine(spec));
  states.pay(START_MS);
  expect(states.pay(START_MS + passedMs)).toMatchObject({ card_seconds_since_last: seconds });
});

test("a duplicate payment changes nothing", () => {
  const states = fresh();
  const payment = { transactionId: "a", deviceToken: "d", ipToken: "i" };
  states.pay(START_MS, payment);
  const entities = [
    ["card", "c"],
    ["terminal", "t"],
    ["device", "d"],
    ["ip", "i"],
  ] as const;
  const bytes = () => entities.map(([entity, id]) => states.bytesOf(entity, id));
  const before = bytes();
  expect(() => states.pay(START_MS + 5, payment)).toThrow("counted before");
  expect(bytes()).toEqual(before);
  expect(entities.map(([entity, id]) => states.of(entity, id).sequence)).toEqual([1, 1, 1, 1]);
});
