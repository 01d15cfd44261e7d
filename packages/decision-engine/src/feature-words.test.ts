import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { featureWords } from "./feature-words.js";

const ABROAD = { merchant_country: { not: ["BE"] } };
const COUNTED = { entity: "card", kind: "count", sentence: "This card made {value} payments." };
const SPEC = parseFeatureSpec(
  JSON.stringify({
    version: 1,
    windows: { "1d": { width: "1d", tile: "1h" }, "30d": { width: "30d", tile: "1d" } },
    entities: { card: { key: "card_token", usually: { rate: "usually {value}", amount: "usually {value}" } } },
    features: [
      { name: "amount", kind: "amount", sentence: "The amount is {value}." },
      { ...COUNTED, name: "count_1d", window: "1d" },
      { ...COUNTED, name: "count_30d", window: "30d" },
      { ...COUNTED, name: "abroad_1d", window: "1d", where: ABROAD },
      { ...COUNTED, name: "abroad_30d", window: "30d", where: ABROAD },
      { ...COUNTED, name: "max_abroad", kind: "max", window: "1d", where: ABROAD, sentence: "At most {value} abroad." },
      { ...COUNTED, name: "max", kind: "max", window: "1d", sentence: "At most {value}." },
    ].map((feature) => ({ ...feature, default: 0 })),
  }),
);
const words = new Map(SPEC.features.map(({ name }, index) => [name, featureWords(SPEC)[index]]));
const said = (name: string, values: readonly number[]) => words.get(name)?.describe({ currency: "EUR", values });

test("a filtered feature is a topic of its own", () => {
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
