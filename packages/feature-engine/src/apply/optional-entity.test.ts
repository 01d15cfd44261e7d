import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { wideSpec } from "../testing/specs.js";
import { HOUR_MS, TestStates } from "../testing/states.js";
import { compileEngine } from "./compile-engine.js";

const START_MS = Date.UTC(2024, 1, 28, 22);

function ofEntity(values: Record<string, number>, entity: string): number[] {
  return Object.entries(values).flatMap(([name, value]) => (name.startsWith(`${entity}_`) ? [value] : []));
}

test.each(["absent", "empty"])("a payment whose device is %s has defaults for it, whatever others had", (how) => {
  const states = new TestStates(compileEngine(wideSpec));
  const device = how === "empty" ? { deviceToken: "" } : {};
  for (let index = 0; index < 3; index += 1) {
    const place = { latitude: index, longitude: index, amountMinor: 1000 + index };
    states.pay(START_MS + index, { deviceToken: "d", ipToken: "i", ...place });
  }
  const values = states.pay(START_MS + 4, { ipToken: "i", latitude: 1, longitude: 1, ...device });
  expect(new Set(ofEntity(values, "device"))).toEqual(new Set([-7]));
  expect(ofEntity(values, "device").length).toBeGreaterThan(30);
  expect(ofEntity(values, "ip")).not.toContain(-7);
  expect(states.of("device", "d").sequence).toBe(3);
  expect(states.of("ip", "i").sequence).toBe(4);
});

test("devices and network addresses count their own payments and cards", () => {
  const states = new TestStates(compileEngine(currentFeatureSpec()));
  states.pay(START_MS, { deviceToken: "d", ipToken: "i1" });
  states.pay(START_MS + 1, { cardToken: "c2", deviceToken: "d", ipToken: "i2" });
  expect(states.pay(START_MS + HOUR_MS / 2, { cardToken: "c3", deviceToken: "d", ipToken: "i1" })).toMatchObject({
    device_count_1h: 3,
    device_count_1d: 3,
    device_cards_7d: 3,
    ip_count_1h: 2,
    ip_cards_1d: 2,
  });
  expect(states.pay(START_MS + HOUR_MS / 2)).toMatchObject({
    device_count_1h: 0,
    device_count_1d: 0,
    device_cards_7d: 0,
    ip_count_1h: 0,
    ip_cards_1d: 0,
  });
});

test("a payment without a terminal counts for its card, with the defaults of terminals and pairs", () => {
  const states = new TestStates(compileEngine(currentFeatureSpec()));
  states.pay(START_MS, { terminalId: "t1" });
  states.pay(START_MS + 1, { terminalId: "" });
  const none = states.pay(START_MS + 2, { terminalId: "" });
  const defaults = Object.fromEntries(currentFeatureSpec().features.map((feature) => [feature.name, feature.default]));
  const ofTerminal = Object.keys(none).filter((name) => /^(?:card_)?terminal_/.test(name));
  expect(ofTerminal.length).toBeGreaterThan(20);
  for (const name of ofTerminal) expect([name, none[name]]).toEqual([name, defaults[name]]);
  expect(none).toMatchObject({ card_count_1d: 3, card_terminals_1d: 1, card_terminal_is_new: 0 });
  expect(states.pay(START_MS + 3, { terminalId: "t2" })).toMatchObject({
    card_count_1d: 4,
    card_terminals_1d: 2,
    card_terminal_is_new: 1,
    card_terminal_count: 1,
  });
});

test("a label without a terminal counts for its card alone", () => {
  const states = new TestStates(compileEngine(currentFeatureSpec()));
  states.label(START_MS, {}, "c", "");
  states.label(START_MS + 1, {}, "c", "t");
  expect(states.of("card", "c").sequence).toBe(2);
  expect(states.of("terminal", "t").sequence).toBe(1);
  expect(states.pay(START_MS + 2)).toMatchObject({ card_fraud_count_7d: 2, terminal_fraud_count_7d: 1 });
  expect(states.pay(START_MS + 3, { terminalId: "" })).toMatchObject({
    card_fraud_count_7d: 2,
    terminal_fraud_count_7d: 0,
  });
});

test("the IDs of an event are in the order of the spec, or undefined", () => {
  const engine = compileEngine(wideSpec);
  const ids = { cardToken: "c", terminalId: "t" };
  expect(engine.entityIds(ids)).toEqual(["c", "t", undefined, undefined]);
  expect(engine.entityIds({ ...ids, deviceToken: "", ipToken: "i" })).toEqual(["c", "t", undefined, "i"]);
});

test("an entity with several key fields exists if all of them are present", () => {
  const engine = compileEngine(currentFeatureSpec());
  const ids = { cardToken: "c", terminalId: "t" };
  const named = (event: object) => engine.entityIds({ ...ids, ...event }).slice(4);
  expect(named({})).toEqual([undefined, undefined, undefined]);
  expect(named({ bin: "411111", merchantCountry: "BE", emailToken: "e" })).toEqual(["e", "t/411111", "c/BE"]);
  expect(named({ bin: "", merchantCountry: "BE" })).toEqual([undefined, undefined, "c/BE"]);
});

test("counts an issuer's cards at a terminal, a payer's cards, and a card's payments in a country", () => {
  const states = new TestStates(compileEngine(currentFeatureSpec()));
  const paid = { bin: "411111", emailToken: "e", merchantCountry: "BE", amountMinor: 200 };
  states.pay(START_MS, paid);
  states.pay(START_MS + 1, { ...paid, cardToken: "c2", terminalId: "t2" });
  states.pay(START_MS + 2, { ...paid, cardToken: "c3", bin: "422222" });
  expect(states.pay(START_MS + 3, { ...paid, cardToken: "c2", amountMinor: 400 })).toMatchObject({
    terminal_bin_cards_1h: 2,
    terminal_bin_mean_1h: 3,
    terminal_cards_1h: 3,
    email_count_1d: 4,
    email_cards_7d: 3,
    card_country_count_30d: 2,
  });
  expect(states.pay(START_MS + 4, { ...paid, merchantCountry: "FR" })).toMatchObject({ card_country_count_30d: 1 });
});

test("reading a device does not add it to the next payment", () => {
  const states = new TestStates(compileEngine(wideSpec));
  states.pay(START_MS, { deviceToken: "d" });
  states.read("device", "d", START_MS);
  expect(new Set(ofEntity(states.pay(START_MS), "device"))).toEqual(new Set([-7]));
});
