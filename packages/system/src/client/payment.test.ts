import { sentBody } from "../generated/sent-fields.js";
import type { KnownPayment } from "./payment.js";

const payment: KnownPayment = {
  clientTransactionId: "order-1",
  cardNumber: "4111111111111111",
  amountMinor: 1_299,
  currency: "EUR",
  occurredAtMs: 0,
  fraud: false,
  labelledAtMs: null,
};
const nothing = { terminalId: null, deviceId: null, ipAddress: null, latitude: null, longitude: null };
const everything = { terminalId: "t-42", deviceId: "d-1", ipAddress: "203.0.113.7", latitude: 0, longitude: -0.5 };

describe("sentBody", () => {
  test.each<[string, Partial<KnownPayment>, object]>([
    ["no optional fields", {}, {}],
    ["nulls", nothing, {}],
    [
      "everything, on the equator",
      everything,
      { terminal_id: "t-42", device_id: "d-1", ip_address: "203.0.113.7", location: { latitude: 0, longitude: -0.5 } },
    ],
    ["only a device", { ...nothing, deviceId: "d-1" }, { device_id: "d-1" }],
    ["only an address", { ...nothing, ipAddress: "::1" }, { ip_address: "::1" }],
    ["half of a location", { ...nothing, latitude: 50 }, {}],
  ])("contains what a payment with %s has", (_name, changes, expected) => {
    expect(sentBody({ ...payment, ...changes })).toStrictEqual(expected);
  });
});
