import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { ENTITY_KEYS } from "@tripline/contracts/generated/payment-fields";
import fc from "fast-check";

/* Random feature specs and payments for the property tests of erasures. */

const FIELDS_PER_KEY_MAX = 4;
const ENTITIES_MAX = 6;
const PAYMENTS_MAX = 12;
const KINDS = ["count", "sum", "max", "std"] as const;

export const PEOPLE = 3;

/** A payment whose people, terminals and devices are numbers. Some payments share a device, a network or a terminal. */
export interface DrawnPayment {
  readonly person: number;
  readonly terminal: number;
  readonly device: number | undefined;
  readonly ip: number | undefined;
  readonly hasEmail: boolean;
  readonly hasAccount: boolean;
  readonly hasBin: boolean;
  readonly country: "" | "BE" | "DE";
}

const keys = fc
  .shuffledSubarray(Object.keys(ENTITY_KEYS), { minLength: 1, maxLength: FIELDS_PER_KEY_MAX })
  .map((fields) => fields.join("/"))
  .filter((key) => key !== "card_token");

/** Any spec that `parseFeatureSpec` accepts. Only the keys of its entities matter here. */
export const specs: fc.Arbitrary<FeatureSpec> = fc
  .tuple(fc.uniqueArray(keys, { minLength: 1, maxLength: ENTITIES_MAX }), fc.constantFrom(...KINDS))
  .map(([others, kind]) => {
    const entities = Object.fromEntries(
      ["card_token", ...others].map((key, index) => {
        return [`entity_${index}`, { key, optional: key !== "card_token" }];
      }),
    );
    const features = Object.keys(entities).map((entity) => {
      return { name: `${entity}_${kind}`, kind, entity, window: "1d", default: 0, sentence: "It is {value}." };
    });
    const windows = { "1d": { width: "1d", tile: "1h" } };
    return parseFeatureSpec(JSON.stringify({ version: 1, windows, entities, features }));
  });

const small = (max: number) => fc.nat({ max });

export const histories: fc.Arbitrary<readonly DrawnPayment[]> = fc.array(
  fc.record({
    person: small(PEOPLE - 1),
    terminal: small(1),
    device: fc.option(small(2), { nil: undefined }),
    ip: fc.option(small(1), { nil: undefined }),
    hasEmail: fc.boolean(),
    hasAccount: fc.boolean(),
    hasBin: fc.boolean(),
    country: fc.constantFrom("", "BE", "DE"),
  }),
  { minLength: 1, maxLength: PAYMENTS_MAX },
);
