import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TestStates, triplineError } from "../testing/states.js";
import type { PaymentEvent } from "./compile-engine.js";
import { compileEngine } from "./compile-engine.js";

const engine = compileEngine(currentFeatureSpec());
const START_MS = Date.UTC(2024, 1, 28, 22);

test.each([
  ["a negative amount", { amountMinor: -1 }, "/amount_minor must be a whole number from 0 to 9007199254740."],
  ["an amount with a fraction", { amountMinor: 0.5 }, "/amount_minor"],
  ["an amount too large to sum exactly", { amountMinor: 2 ** 50 }, "/amount_minor"],
  ["an amount that is not a number", { amountMinor: Number.NaN }, "/amount_minor"],
  ["an infinite amount", { amountMinor: Number.POSITIVE_INFINITY }, "/amount_minor"],
  ["no time", { occurredAtMs: Number.NaN }, "/occurred_at_ms"],
  ["a time before the epoch", { occurredAtMs: -1 }, "/occurred_at_ms"],
  ["a time after the last of dates", { occurredAtMs: 8.64e15 + 1 }, "/occurred_at_ms"],
  ["a latitude beyond the pole", { latitude: 90.001 }, "/latitude must be between -90 and 90 degrees."],
  ["a latitude that is not a number", { latitude: Number.NaN }, "/latitude"],
  ["a longitude beyond the date line", { longitude: -180.001 }, "/longitude"],
  ["an infinite longitude", { longitude: Number.NEGATIVE_INFINITY }, "/longitude"],
] satisfies [string, Partial<PaymentEvent>, string][])("rejects %s and changes nothing", (_name, change, message) => {
  const states = new TestStates(engine);
  states.pay(START_MS);
  const before = [states.bytesOf("card", "c"), states.bytesOf("terminal", "t")];
  const attempt = () => states.pay(START_MS + 1, { latitude: 1, longitude: 2, ...change });
  expect(attempt).toThrow(triplineError("invalid-field", message));
  const pointer = message.split(" ")[0];
  expect(attempt).toThrow(expect.objectContaining({ fields: [expect.objectContaining({ pointer })] }));
  expect([states.bytesOf("card", "c"), states.bytesOf("terminal", "t")]).toEqual(before);
});

test.each([
  ["the largest amount", { amountMinor: Math.floor(Number.MAX_SAFE_INTEGER / 1000), currency: "JPY" }],
  ["nothing", { amountMinor: 0 }],
  ["the last of dates", { occurredAtMs: 8.64e15 }],
  ["the epoch", { occurredAtMs: 0 }],
  ["a pole and the date line", { latitude: -90, longitude: 180 }],
] satisfies [string, Partial<PaymentEvent>][])("%s is counted, with finite values", (_name, change) => {
  const states = new TestStates(engine);
  const payment = { latitude: 1, longitude: 2, ...change };
  for (let index = 0; index < 3; index += 1) {
    expect(Object.values(states.pay(START_MS, payment)).filter((value) => !Number.isFinite(value))).toEqual([]);
    states.store();
  }
  expect(states.of("card", "c").sequence).toBe(3);
});

test.each([Number.NaN, -1, 0.5, 8.64e15 + 1])("rejects a label known at %d and changes nothing", (labelledAtMs) => {
  const states = new TestStates(engine);
  expect(() => states.label(labelledAtMs)).toThrow(triplineError("invalid-field", "/labelled_at_ms"));
  expect([states.of("card", "c").sequence, states.of("terminal", "t").sequence]).toEqual([0, 0]);
});
