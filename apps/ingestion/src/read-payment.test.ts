import fc from "fast-check";
import { readPayment } from "./read-payment.js";
import { paymentSchema } from "./request-schemas.js";

const GOOD = {
  transaction_id: "order-1",
  card: { number: "4111111111111111" },
  terminal_id: "t-42",
  amount: { minor: 1_299, currency: "EUR" },
  occurred_at: "2026-11-24T12:00:00.25+01:00",
  device_id: "device-7",
  ip_address: "2001:DB8::7",
  location: { latitude: 47.4, longitude: 8.5 },
};

const CARD_TOKEN = `ct_${"0a".repeat(16)}`;

/** Good and bad, by field: what stands at an edge of a rule. */
const VALUES: Readonly<Record<keyof typeof GOOD, readonly unknown[]>> = {
  transaction_id: [
    "a",
    "a".repeat(64),
    "a".repeat(65),
    "",
    "ä",
    "a b",
    7,
    null,
    "order-1\n",
    "4111111111111111",
    "o-4111-1111-1111-1111",
    "4111111111111112",
  ],
  card: [
    { token: CARD_TOKEN },
    { token: CARD_TOKEN.toUpperCase() },
    { number: "4111111111111111", token: CARD_TOKEN },
    { number: "4111111111111112" },
    { number: 4_111_111_111_111_111 },
    {},
    [],
    null,
    "4111111111111111",
    { number: "4111111111111111", name: "x" },
    { token: null },
  ],
  terminal_id: ["t:1", "", "t/1", 1, true, "t4111.1111.1111.1111", "0004111111111111111"],
  amount: [
    { minor: 0, currency: "JPY" },
    { minor: -1, currency: "EUR" },
    { minor: 1e12, currency: "EUR" },
    { minor: 1e12 + 1, currency: "EUR" },
    { minor: 1.5, currency: "EUR" },
    { minor: "1", currency: "EUR" },
    { minor: 1, currency: "eur" },
    { minor: 1, currency: "XYZ" },
    { minor: 1, currency: "VED" },
    { minor: 1, currency: "BGN" },
    { minor: 1, currency: "XAU" },
    { minor: 1 },
    { minor: 1, currency: "EUR", exponent: 2 },
    [1, "EUR"],
  ],
  occurred_at: [
    "2026-02-29T12:00:00Z",
    "2016-12-31T23:59:60Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00.001Z",
    "2026-11-24",
    1_700_000_000_000,
    "0099-01-01T00:00:00Z",
    "2024-02-29t23:59:59.9999-23:59",
  ],
  device_id: ["a".repeat(128), "a".repeat(129), "", "\u0000", "\ud800", "Gerät 7 💳", 7, null],
  ip_address: ["203.0.113.7", "::ffff:203.0.113.7", "fe80::1%eth0", "203.0.113.256", "", 7, null],
  location: [
    { latitude: 90, longitude: -180 },
    { latitude: 90.01, longitude: 0 },
    { latitude: 0, longitude: Number.POSITIVE_INFINITY },
    { latitude: "0", longitude: 0 },
    { latitude: 0 },
    { latitude: 0, longitude: 0, altitude: 0 },
    [0, 0],
    null,
  ],
};

const body = fc
  .record(
    Object.fromEntries(
      Object.entries(VALUES).map(([field, edges]) => {
        const good: unknown = Reflect.get(GOOD, field);
        return [
          field,
          fc.oneof(
            { weight: 12, arbitrary: fc.constant(good) },
            { weight: 3, arbitrary: fc.constantFrom(...edges) },
            { weight: 1, arbitrary: fc.jsonValue() },
          ),
        ];
      }),
    ),
    { requiredKeys: ["transaction_id", "card", "terminal_id", "amount"] },
  )
  .chain((fields) => fc.constantFrom(fields, { ...fields, other: 1 }, fields, fields, fields));

test("takes what the schema takes, with the same result, and nothing else", () => {
  fc.assert(
    fc.property(body, (given) => {
      const checked = paymentSchema.safeParse(given);
      expect(readPayment(given)).toEqual(checked.success ? checked.data : undefined);
    }),
    { numRuns: 1_000, endOnFailure: true },
  );
});

test.each(Object.entries(VALUES).flatMap(([field, edges]) => edges.map((value) => [field, value] as const)))(
  "%s: %j",
  (field, value) => {
    const given = { ...GOOD, [field]: value };
    const checked = paymentSchema.safeParse(given);
    expect(readPayment(given)).toEqual(checked.success ? checked.data : undefined);
  },
);

test.each([null, 7, "x", [], [GOOD], {}])("%j is no payment", (given) => {
  expect(readPayment(given)).toBeUndefined();
});
