import { specOf } from "../testing/specs.js";
import { DAY_MS, HOUR_MS, TestStates } from "../testing/states.js";
import { compileEngine } from "./compile-engine.js";

const engine = compileEngine(
  specOf({ "1d": { width: "1d", tile: "1h" }, "7d": { width: "7d", tile: "1d" } }, [
    { kind: "neighbours", entity: "device", of: "card", window: "1d", counts: "all" },
    { kind: "neighbours", entity: "device", of: "card", window: "1d", counts: "fraud" },
    { kind: "neighbours", entity: "device", of: "card", window: "7d", counts: "fraud" },
    { kind: "neighbours", entity: "terminal", of: "card", window: "1d", counts: "fraud" },
  ]),
);
const START_MS = Date.UTC(2026, 10, 2);

/** Payments with one device at several terminals, and the labels of these payments. */
class Device {
  readonly states = new TestStates(engine);
  #payments = 0;

  pay(card: string, atMs: number, deviceToken = "d"): Record<string, number> {
    this.#payments += 1;
    const transactionId = `payment ${this.#payments}`;
    return this.states.pay(atMs, { transactionId, cardToken: card, terminalId: `t-${card}`, deviceToken });
  }

  /** @param payment number of the payment, from 1 */
  report(card: string, payment: number, atMs: number, fraud = true): void {
    const place = { latitude: undefined, longitude: undefined, amountMinor: 0, currency: "EUR" };
    const entities = { card, terminal: `t-${card}` };
    const id = `label ${payment} ${atMs}`;
    this.states.apply({ kind: "label", id, entities, atMs, fraud, about: `payment ${payment}`, ...place });
  }
}

test("a device counts its other cards, and those with a confirmed fraud on this device", () => {
  const device = new Device();
  expect(device.pay("a", START_MS)).toMatchObject({ device_neighbours_all_1d: 0, device_neighbours_fraud_1d: 0 });
  device.pay("b", START_MS + HOUR_MS);
  device.pay("c", START_MS + 2 * HOUR_MS);
  device.report("a", 1, START_MS + 3 * HOUR_MS);
  device.report("b", 2, START_MS + 3 * HOUR_MS, false);
  const atMs = START_MS + 4 * HOUR_MS;
  expect(device.pay("c", atMs)).toMatchObject({ device_neighbours_all_1d: 2, device_neighbours_fraud_1d: 1 });
  // A card is not its own neighbour.
  expect(device.pay("a", atMs)).toMatchObject({ device_neighbours_all_1d: 2, device_neighbours_fraud_1d: 0 });
  expect(device.pay("d", atMs + 2 * DAY_MS)).toMatchObject({
    device_neighbours_all_1d: 0,
    device_neighbours_fraud_1d: 0,
    device_neighbours_fraud_7d: 1,
  });
});

test("a fraud on another device, or on a payment that the card no longer remembers, does not count", () => {
  const device = new Device();
  device.pay("a", START_MS, "other");
  device.pay("a", START_MS);
  device.report("a", 1, START_MS + HOUR_MS);
  expect(device.pay("b", START_MS + HOUR_MS)).toMatchObject({ device_neighbours_fraud_1d: 0 });
  for (let more = 0; more < 16; more += 1) device.pay("a", START_MS + HOUR_MS + more);
  device.report("a", 2, START_MS + 2 * HOUR_MS);
  const after = START_MS + 3 * HOUR_MS;
  expect(device.pay("b", after)).toMatchObject({ device_neighbours_fraud_1d: 0 });
  // The card still remembers its sixteenth most recent payment.
  device.report("a", 4, after);
  expect(device.pay("b", after)).toMatchObject({ device_neighbours_fraud_1d: 1 });
});

test("the state of a device with 10,000 cards is as large as that of a device with 128 cards", () => {
  const bytesAfter = (cards: number): number => {
    const device = new Device();
    for (let card = 0; card < cards; card += 1) device.pay(`c${card}`, START_MS + card * 1_000);
    device.report(`c${cards - 1}`, cards, START_MS + cards * 1_000);
    expect(device.pay("x", START_MS + cards * 1_000)).toMatchObject({
      device_neighbours_all_1d: 128,
      device_neighbours_fraud_1d: 1,
    });
    return device.states.bytesOf("device", "d").length;
  };
  expect(bytesAfter(10_000) - bytesAfter(128)).toBeLessThan(8);
});
