import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { specOf } from "../testing/specs.js";
import { DAY_MS, HOUR_MS, TestStates } from "../testing/states.js";
import { compileEngine } from "./compile-engine.js";

const engine = compileEngine(currentFeatureSpec());
const fresh = () => new TestStates(engine);
const START_MS = Date.UTC(2024, 1, 28, 22);

test("labels change the risk at their report time, not at the payment's time", () => {
  const states = fresh();
  states.pay(START_MS);
  expect(states.pay(START_MS + DAY_MS)).toMatchObject({ terminal_fraud_count_7d: 0, card_risk_7d: 0.01 });
  const labelledAtMs = START_MS + 7 * DAY_MS;
  states.label(labelledAtMs);
  states.label(labelledAtMs, { fraud: false });
  expect(states.pay(labelledAtMs)).toMatchObject({
    terminal_fraud_rate_1d: 0.5,
    terminal_fraud_count_7d: 1,
    card_fraud_count_7d: 1,
    terminal_days_since_first_fraud: 0,
  });
});

test("risk is smoothed towards its prior, and returns to it once the labels have left the window", () => {
  const states = fresh();
  for (let index = 0; index < 15; index += 1) states.label(START_MS, { fraud: index < 3 });
  expect(states.pay(START_MS)).toMatchObject({
    card_risk_1d: (3 + 0.01 * 5) / 20,
    card_risk_28d: (3 + 0.01 * 5) / 20,
    terminal_risk_14d: (3 + 0.01 * 5) / 20,
  });
  expect(states.pay(START_MS + 10 * DAY_MS)).toMatchObject({ card_risk_7d: 0.01, card_risk_14d: 3.05 / 20 });
});

test("labels are not counted as payments, nor payments as labels", () => {
  const states = fresh();
  states.label(START_MS);
  expect(states.pay(START_MS)).toMatchObject({
    card_count_30d: 1,
    card_seconds_since_last: 2_592_000,
    card_fraud_count_30d: 1,
    card_terminal_is_new: 1,
  });
  expect(states.pay(START_MS)).toMatchObject({ card_count_30d: 2, terminal_fraud_rate_30d: 1 });
});

test("the first fraud is the one known earliest, regardless of the order and delay of labels", () => {
  const states = fresh();
  const payAt = (atMs: number) => states.pay(atMs).card_days_since_first_fraud;
  states.label(START_MS + 100 * DAY_MS);
  states.label(START_MS + 99 * DAY_MS, { fraud: false });
  expect(payAt(START_MS + 100 * DAY_MS + 6 * HOUR_MS)).toBe(0.25);
  states.label(START_MS + 101 * DAY_MS);
  expect(payAt(START_MS + 101 * DAY_MS)).toBe(1);
  expect(states.label(START_MS)).toEqual({ duplicate: false, tooLate: true });
  expect(payAt(START_MS + 101 * DAY_MS)).toBe(101);
  states.store();
  expect(payAt(START_MS + 101 * DAY_MS)).toBe(101);
});

test("a payment before the first confirmed fraud does not see that fraud", () => {
  const states = fresh();
  states.label(START_MS + 1);
  expect(states.pay(START_MS)).toMatchObject({ card_days_since_first_fraud: 3650 });
  expect(states.pay(START_MS + 1)).toMatchObject({ card_days_since_first_fraud: 0 });
});

test("a duplicate label changes nothing", () => {
  const states = fresh();
  states.label(START_MS, { labelId: "a" });
  const before = [states.bytesOf("card", "c"), states.bytesOf("terminal", "t")];
  expect(states.label(START_MS, { labelId: "a", fraud: false })).toEqual({ duplicate: true });
  expect([states.bytesOf("card", "c"), states.bytesOf("terminal", "t")]).toEqual(before);
});

test("a label is too late if it is too old for every window of one of its entities", () => {
  const states = fresh();
  states.label(START_MS + 40 * DAY_MS, {}, "another card");
  expect(states.label(START_MS)).toEqual({ duplicate: false, tooLate: true });
  const values = states.pay(START_MS + DAY_MS);
  expect(values).toMatchObject({ card_fraud_count_7d: 1, terminal_fraud_count_7d: 0 });
});

test("an entity without label features accepts any label", () => {
  const spec = specOf({ "1d": { width: "1d", tile: "1h" } }, [
    { kind: "fraud_count", entity: "terminal", window: "1d" },
    { kind: "seconds_since_last", entity: "card" },
  ]);
  const states = new TestStates(compileEngine(spec));
  states.label(START_MS + 40 * DAY_MS, {}, "c", "another terminal");
  expect(states.label(START_MS)).toEqual({ duplicate: false, tooLate: false });
});

test("a changed verdict removes the earlier one from the windows, even after the states were stored", () => {
  const [states, never] = [fresh(), fresh()];
  const [first, other, won] = [START_MS, START_MS + HOUR_MS, START_MS + 20 * DAY_MS];
  states.label(first);
  for (const each of [states, never]) each.label(other, { fraud: false });
  states.store();
  states.label(won, { fraud: false, replacedAtMs: first });
  never.label(won, { fraud: false });
  const features = ["card_risk_28d", "card_fraud_count_30d", "terminal_fraud_rate_30d", "terminal_risk_28d"];
  const shown = (of: TestStates) => {
    const values = of.pay(won + HOUR_MS);
    return Object.fromEntries(features.filter((name) => name in values).map((name) => [name, values[name]]));
  };
  expect(shown(states)).toEqual(shown(never));
  expect(shown(states)).toMatchObject({ card_fraud_count_30d: 0, terminal_fraud_rate_30d: 0 });
  // The opposite change, from genuine to fraud.
  const lost = won + 2 * DAY_MS;
  states.label(lost, { replacedAtMs: won });
  expect(states.pay(lost)).toMatchObject({ card_fraud_count_30d: 1, terminal_fraud_rate_30d: 0.5 });
});

test("a replaced label that has left the windows, or was never counted, is not removed", () => {
  const states = fresh();
  states.label(START_MS, { fraud: false });
  states.label(START_MS + 40 * DAY_MS, { replacedAtMs: START_MS });
  states.label(START_MS + 41 * DAY_MS, { fraud: false, replacedAtMs: START_MS + 41 * DAY_MS });
  const counts = { card_fraud_count_30d: 1, terminal_fraud_rate_30d: 0.5, terminal_days_since_first_fraud: 1 };
  expect(states.pay(START_MS + 41 * DAY_MS)).toMatchObject(counts);
  states.store();
  expect(states.pay(START_MS + 41 * DAY_MS)).toMatchObject(counts);
});
