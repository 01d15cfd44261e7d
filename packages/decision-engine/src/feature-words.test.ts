import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { categoryCode } from "@tripline/contracts/text/category-code";
import { featureUnits, featureWords } from "./feature-words.js";
import { parsePolicy } from "./parse-policy.js";

const ABROAD = { merchant_country: { not: ["BE"] } };
const COUNTED = { entity: "card", kind: "count", sentence: "This card made {value} payments." };
const SPEC = parseFeatureSpec(
  JSON.stringify({
    version: 1,
    windows: { "1d": { width: "1d", tile: "1h" }, "30d": { width: "30d", tile: "1d" } },
    entities: {
      card: { key: "card_token", usually: { rate: "usually {value}", amount: "usually {value}" } },
      terminal: { key: "terminal_id", optional: true },
    },
    features: [
      { name: "amount", kind: "amount", sentence: "The amount is {value}." },
      { ...COUNTED, name: "count_1d", window: "1d" },
      { ...COUNTED, name: "count_30d", window: "30d" },
      { ...COUNTED, name: "abroad_1d", window: "1d", where: ABROAD },
      { ...COUNTED, name: "abroad_30d", window: "30d", where: ABROAD },
      { ...COUNTED, name: "max_abroad", kind: "max", window: "1d", where: ABROAD, sentence: "At most {value} abroad." },
      { ...COUNTED, name: "max", kind: "max", window: "1d", sentence: "At most {value}." },
      { ...COUNTED, name: "at_terminal", entity: "terminal", window: "1d" },
      {
        name: "pairs",
        kind: "pair_count",
        entity: "card",
        of: "terminal",
        sentence: "Payment {value} at this terminal.",
      },
      { ...COUNTED, name: "terminals", kind: "distinct", of: "terminal", window: "1d", sentence: "{value} terminals." },
    ].map((feature) => ({ ...feature, default: 0 })),
  }),
);
const words = new Map(SPEC.features.map(({ name }, index) => [name, featureWords(SPEC)[index]]));
const said = (name: string, values: readonly number[]) => words.get(name)?.describe({ currency: "EUR", values });

test("a filtered feature is a separate topic", () => {
  expect(words.get("abroad_1d")?.topic).toBe("card frequency, merchant country not BE");
  expect(words.get("abroad_1d")?.topic).toBe(words.get("abroad_30d")?.topic);
  expect(words.get("count_1d")?.topic).toBe("card frequency");
});

test("the baseline of all payments is omitted for filtered ones, and filtered ones do not change it", () => {
  const values = [10, 4, 33, 3, 900, 0, 0];
  expect(said("count_1d", values)).toBe("This card made 4 payments; usually 1 a day.");
  expect(said("abroad_1d", values)).toBe("This card made 3 payments.");
});

test("describes no maximum if there are no payments", () => {
  expect(said("max_abroad", [10, 1, 1, 0, 0, 0, 10])).toBeUndefined();
  expect(said("max_abroad", [10, 1, 1, 1, 1, 7, 10])).toBe("At most 7.00 EUR abroad.");
  expect(said("max", [0, 1, 1, 0, 0, 0, 0])).toBe("At most 0.00 EUR.");
});

describe("a category", () => {
  const spec = parseFeatureSpec(
    JSON.stringify({
      ...{ version: 1, windows: {}, entities: { card: { key: "card_token" } } },
      features: [
        { name: "merchant_category", kind: "category", field: "mcc", sentence: "The merchant category is {value}." },
        { name: "order_channel", kind: "category", field: "channel", sentence: "It was ordered by {value}." },
      ].map((feature) => ({ ...feature, default: 0 })),
    }),
  );
  const [merchant, channel] = featureWords(spec);
  const values = [categoryCode("7995"), categoryCode("moto")];

  test("is a separate topic and has no unit", () => {
    expect(merchant?.topic).toBe("payment mcc");
    expect(featureUnits(spec).size).toBe(0);
  });

  test("is described by the text in the payment, and without it by its code", () => {
    const transaction = { mcc: "7995", channel: "moto" };
    expect(merchant?.describe({ currency: "EUR", values, transaction })).toBe("The merchant category is 7995.");
    expect(merchant?.describe({ currency: "EUR", values })).toBe("The merchant category is 7995.");
    expect(channel?.describe({ currency: "EUR", values })).toBe("It was ordered by moto.");
    expect(channel?.describe({ currency: "EUR", values: [0, 16_000_000] })).toBe("It was ordered by (unknown).");
  });

  test("cannot be read by a rule or its sentence", () => {
    const policy = (when: string, text: string) => `
version: 1
rules:
  - { id: gambling, when: "${when}", action: review, reason: GAMBLING, text: "${text}" }
default_decision:
  default: { action: review, reason: STATIC, text: "By hand." }
`;
    expect(() => parsePolicy(policy("mcc == '7995'", "Gambling."), spec)).not.toThrow();
    expect(() => parsePolicy(policy("merchant_category > 1.0", "Gambling."), spec)).toThrow(/merchant_category/);
    expect(() => parsePolicy(policy("mcc == '7995'", "{merchant_category}"), spec)).toThrow(/\{merchant_category\}/);
  });

  test("says nothing about a payment without a value", () => {
    expect(merchant?.describe({ currency: "EUR", values: [0, 0], transaction: { mcc: "" } })).toBeUndefined();
  });
});

test("features of an entity or a partner that the payment does not contain are not described", () => {
  const values = SPEC.features.map(() => 3);
  const describe = (name: string, transaction: object) =>
    words.get(name)?.describe({ currency: "EUR", values, transaction });
  for (const name of ["at_terminal", "pairs"]) {
    expect(describe(name, { cardToken: "ct_1", terminalId: "" })).toBeUndefined();
    expect(describe(name, { cardToken: "ct_1", terminalId: "t-1" })).toMatch(/3/);
  }
  for (const name of ["count_1d", "terminals"]) {
    expect(describe(name, { cardToken: "ct_1", terminalId: "" })).toMatch(/3/);
  }
});
