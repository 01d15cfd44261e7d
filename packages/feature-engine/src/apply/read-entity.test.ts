import { currentFeatureSpec, needsPayment } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import type { OracleEvent } from "../testing/brute-force.js";
import { wideSpec } from "../testing/specs.js";
import { DAY_MS, HOUR_MS, TestStates } from "../testing/states.js";
import { eventStreams } from "../testing/streams.js";
import { compileEngine } from "./compile-engine.js";

const START_MS = Date.UTC(2024, 1, 28, 22);

/** The entity's values without the payment that produced `values`: an amount of 0 with an unknown partner. */
function withoutPayment(values: Readonly<Record<string, number>>, name: string): number {
  const [, entity = "", kind = "", window = ""] = /^([a-z]+)_(.*?)(?:_(5m|2h|1d|3d))?$/.exec(name) ?? [];
  const value = values[name] ?? Number.NaN;
  const others = (values[`${entity}_count_${window}`] ?? Number.NaN) - 1;
  switch (kind) {
    case "count":
    case "distinct":
      return value - 1;
    case "mean":
      return others === 0 ? -7 : (values[`${entity}_sum_${window}`] ?? Number.NaN) / others;
    case "max":
      return others === 0 ? -7 : value;
    default:
      return value;
  }
}

test("an entity has the features of its next payment, without that payment", () => {
  const engine = compileEngine(wideSpec);
  fc.assert(
    fc.property(eventStreams(), fc.integer({ min: -DAY_MS, max: 5 * DAY_MS }), (events, laterMs) => {
      const states = new TestStates(engine);
      for (const event of events) states.apply(event);
      const last: OracleEvent | undefined = events.at(-1);
      const atMs = Math.max(0, (last?.atMs ?? START_MS) + laterMs);
      for (const [entity, field] of Object.entries({
        card: "cardToken",
        terminal: "terminalId",
        device: "deviceToken",
        ip: "ipToken",
      })) {
        const id = `${entity[0]}1`;
        const before = states.bytesOf(entity, id);
        const read = states.read(entity, id, atMs);
        expect(states.bytesOf(entity, id)).toEqual(before);
        // The payment is counted in a copy of the state, so that the next read does not see it.
        const copies = new TestStates(engine);
        copies.put(entity, id, before);
        const ids = { cardToken: "unknown card", terminalId: "unknown terminal", [field]: id };
        const seen = copies.pay(atMs, { ...ids, amountMinor: 0 });
        const expected = Object.keys(read).map((name) => [name, withoutPayment(seen, name)]);
        expect(read).toEqual(Object.fromEntries(expected));
      }
    }),
    { numRuns: 60 },
  );
});

test("reads each entity's features that need no payment, in the order of the spec", () => {
  for (const spec of [wideSpec, currentFeatureSpec()]) {
    const engine = compileEngine(spec);
    engine.entities.forEach((plan, place) => {
      const expected = spec.features.filter(
        (item) => "entity" in item && item.entity === plan.name && !needsPayment(item),
      );
      expect(engine.entityFeatures(place)).toEqual(expected.map(({ name }) => name));
    });
  }
  const kinds = new Set(
    compileEngine(wideSpec)
      .entityFeatures(0)
      .map((name) => name.replace(/_(5m|2h|1d|3d)$/, "")),
  );
  expect([...kinds].sort()).toEqual([
    "card_count",
    "card_days_since_first_fraud",
    "card_days_since_last_genuine",
    "card_days_since_run_began",
    "card_distinct",
    "card_fraud_count",
    "card_fraud_rate",
    "card_fraud_risk",
    "card_label_count",
    "card_max",
    "card_mean",
    "card_run_count",
    "card_seconds_since_last",
    "card_std",
    "card_sum",
    "card_unusual_count",
    "card_unusual_max",
  ]);
});

test("an unknown entity has default features, and reading it counts nothing", () => {
  const states = new TestStates(compileEngine(wideSpec));
  expect(states.read("device", "never", START_MS)).toMatchObject({
    device_seconds_since_last: -7,
    device_count_1d: 0,
    device_sum_1d: 0,
    device_mean_1d: -7,
    device_max_1d: -7,
    device_std_1d: -7,
    device_distinct_1d: 0,
  });
  expect(states.read("card", "never", START_MS)).toMatchObject({ card_fraud_risk_1d: 0.125, card_fraud_rate_1d: -7 });
});

test("values follow the clock: windows become empty without events", () => {
  const states = new TestStates(compileEngine(currentFeatureSpec()));
  states.pay(START_MS, { amountMinor: 2500 });
  states.label(START_MS);
  expect(states.read("card", "c", START_MS + HOUR_MS / 2)).toMatchObject({
    card_count_5m: 0,
    card_count_1h: 1,
    card_mean_1d: 25,
    card_max_30d: 25,
    card_seconds_since_last: 1800,
    card_terminals_1d: 1,
    card_days_since_first_fraud: 1 / 48,
  });
  expect(states.read("card", "c", START_MS + 40 * DAY_MS)).toMatchObject({
    card_count_30d: 0,
    card_mean_30d: 0,
    card_seconds_since_last: 2_592_000,
    card_terminals_7d: 0,
    card_risk_28d: 0.01,
    card_days_since_first_fraud: 40,
  });
});

test("rejects a position that is not in the spec", () => {
  const engine = compileEngine(wideSpec);
  expect(() => engine.decodeState(4, null)).toThrow(new RangeError("the spec has no entity 4"));
  expect(engine.entityFeatures(4)).toEqual([]);
});
