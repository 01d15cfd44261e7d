import { parseFeatureSpec } from "./feature-spec.js";
import { describeFilter, filterKey, paymentFilter } from "./payment-filter.js";

const COUNT = { kind: "count", entity: "card", window: "1d" };

/** One line per fault of a spec with these features; empty for a valid spec. */
function faultsOf(...features: readonly object[]): string[] {
  const named = features.map((feature, index) => ({
    name: `f${index}`,
    default: 0,
    sentence: "It is {value}.",
    ...feature,
  }));
  const spec = {
    version: 1,
    windows: { "1d": { width: "1d", tile: "1h" } },
    entities: {
      card: { key: "card_token" },
      terminal: { key: "terminal_id", optional: true },
      email: { key: "email_token", optional: true },
    },
    features: named,
  };
  try {
    parseFeatureSpec(JSON.stringify(spec), "spec.yaml");
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: "config-invalid" });
    return error instanceof Error ? error.message.split("\n") : [];
  }
}

test.each([
  ["a list", { merchant_country: ["BE", "NL"] }],
  ["an exclusion", { card_country: { not: ["US"] } }],
  ["a range of amounts", { amount: { from: 0.001, below: 250.5 } }],
  ["several fields", { currency: ["EUR"], terminal_id: ["t-1"], amount: { below: 5 } }],
])("%s is a valid filter", (_name, where) => {
  expect(faultsOf({ ...COUNT, where })).toEqual([]);
});

test.each([
  [
    "an unknown field",
    { merchant_contry: ["BE"] },
    'cannot filter by "merchant_contry", only by amount, terminal_id, ',
  ],
  ["a field by which features cannot filter", { card_token: ["ct_1"] }, 'cannot filter by "card_token"'],
  ["a field named like a property of every object", { constructor: ["BE"] }, 'cannot filter by "constructor"'],
  ["a country that does not exist", { ip_country: ["BE", "UK"] }, '"UK" is not an ISO 3166-1 alpha-2 code'],
  ["a currency in lower case", { currency: { not: ["eur"] } }, '"eur" is not an ISO 4217 currency'],
  ["a number instead of a string", { bin: [411111] }, '411111 must be a quoted string: "411111"'],
  ["an empty string", { merchant_country: [""] }, "a string cannot be empty; { not: [...] } includes payments without"],
  ["an empty list", { merchant_country: [] }, "must be a list of 1 to 100 values"],
  ["a single value", { merchant_country: "BE" }, "must be a list of 1 to 100 values"],
  ["an unknown condition", { merchant_country: { is: ["BE"] } }, "must be a list of 1 to 100 values"],
  ["a range of texts", { merchant_country: { from: 1 } }, "is not a number, so use a list of values"],
  ["a list of amounts", { amount: [10] }, "filter amounts by from and below"],
  ["an amount with four decimals", { amount: { from: 0.0001 } }, "amounts have at most three decimals"],
  ["a range that ends before it starts", { amount: { from: 2, below: 2 } }, "from must be less than below"],
  ["no field", {}, "must name a field"],
])("%s is rejected, with its position in the file", (_name, where, message) => {
  expect(faultsOf({ ...COUNT, where })).toEqual([expect.stringMatching(/^spec\.yaml:1 features\.0\.where/)]);
  expect(faultsOf({ ...COUNT, where })).toEqual([expect.stringContaining(message)]);
});

test.each([
  ["a feature of the payment", { kind: "amount" }],
  ["a feature of labels", { kind: "fraud_count", entity: "card", window: "1d" }],
  ["the time since the first fraud", { kind: "days_since_first_fraud", entity: "card" }],
  ["a run", { kind: "run_count", entity: "card" }],
])("%s cannot have a filter", (_name, feature) => {
  const faults = faultsOf({ ...feature, where: { currency: ["EUR"] } });
  expect(faults).toEqual(["spec.yaml:1 features.0.where: is only for kinds that summarise payments"]);
});

test("a spec has at most 32 different filters, and equal filters count once", () => {
  const different = Array.from({ length: 33 }, (_, index) => ({ ...COUNT, where: { amount: { from: index } } }));
  const equal = Array.from({ length: 40 }, () => ({ ...COUNT, where: { amount: { from: 1 } } }));
  expect(faultsOf(...different.slice(1), ...equal)).toEqual([]);
  expect(faultsOf(...different)).toEqual([
    "spec.yaml:1 features.32.where: a spec can have at most 32 different filters",
  ]);
});

test("filters that select the same payments have the same key, and others do not", () => {
  const keyOf = (where: object): string => filterKey(paymentFilter.parse(where));
  const key = keyOf({ currency: ["EUR", "USD"], amount: { from: 1 } });
  expect(keyOf({ amount: { from: 1 }, currency: ["USD", "EUR", "USD"] })).toBe(key);
  const others = [
    { currency: { not: ["EUR", "USD"] }, amount: { from: 1 } },
    { currency: ["EUR", "USD"], amount: { below: 1 } },
    { currency: ["EUR", "USD"] },
  ];
  expect(new Set([key, ...others.map(keyOf)]).size).toBe(4);
});

test("a filter is described in words", () => {
  const where = { merchant_country: ["BE", "NL"], bin: { not: ["411111"] }, amount: { from: 1, below: 9.5 } };
  expect(describeFilter(where)).toBe("merchant country BE or NL, bin not 411111, amount from 1 below 9.5");
});

describe("a filter of payment updates", () => {
  const UPDATES = { kind: "update_count", entity: "card", window: "1d" };

  test("tests fields of updates", () => {
    const where = {
      kind: ["declined"],
      declined_by: ["issuer", "tripline"],
      issuer_code: { not: ["55"] },
      amount: { from: 1 },
    };
    expect(faultsOf({ ...UPDATES, where })).toEqual([]);
    expect(faultsOf({ ...UPDATES, kind: "declined_share", where: { declined_by: ["issuer"] } })).toEqual([]);
  });

  test.each([
    [
      "a field of payments",
      UPDATES,
      { merchant_country: ["BE"] },
      'cannot filter by "merchant_country", only by amount, kind,',
    ],
    ["a kind that does not exist", UPDATES, { kind: ["decline"] }, '"decline" is not one of authorised, declined,'],
    ["a code without quotes", UPDATES, { issuer_code: [51] }, '51 must be a quoted string: "51"'],
    [
      "the kind of a share",
      { ...UPDATES, kind: "declined_share" },
      { kind: ["declined"] },
      "compares declined with authorised",
    ],
  ])("is rejected with %s", (_name, feature, where, message) => {
    expect(faultsOf({ ...feature, where })).toEqual([expect.stringContaining(message)]);
  });

  test("is not allowed for entities that identify a person by a field other than the card", () => {
    expect(faultsOf({ ...UPDATES, entity: "terminal" })).toEqual([]);
    expect(faultsOf({ ...UPDATES, entity: "email" })).toEqual([
      'spec.yaml:1 features.0.entity: "email" cannot have update_count: the states of cards would contain email_token, and an erasure would not find it there',
    ]);
  });
});
