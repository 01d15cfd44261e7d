import fc from "fast-check";
import { needsPayment, parseFeatureSpec } from "../feature-spec.js";
import { CATEGORY_FIELDS } from "../generated/payment-fields.js";
import { categoryCode, categoryText, isCategoryField, NO_CATEGORY } from "./category-code.js";

describe("the code of a category", () => {
  test.each([
    ["", 0],
    ["0", 50_653],
    ["05", 58_867],
    ["5732", 315_021],
    ["7995", 419_290],
    ["BE", 628_371],
    ["EUR", 803_270],
    ["12345", 6_078_805],
    ["ecommerce", 5_722_340],
    ["no_match", 16_100_683],
    ["São Paulo", 15_632_161],
  ])("is the same in every release, because models know values by their codes: %j is %d", (text, code) => {
    expect(categoryCode(text)).toBe(code);
  });

  test("is unique and in alphabetical order for up to four digits and capitals", () => {
    const short = fc.stringMatching(/^[0-9A-Z]{1,4}$/);
    fc.assert(
      fc.property(short, short, (one, other) => {
        expect(Math.sign(categoryCode(one) - categoryCode(other))).toBe(one < other ? -1 : Number(one > other));
        expect(categoryText("mcc", categoryCode(one))).toBe(one);
      }),
    );
  });

  test("is an integer that a float32 represents exactly, and is 0 only for a missing text", () => {
    expect(categoryCode("")).toBe(NO_CATEGORY);
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        const code = categoryCode(text);
        expect(Math.fround(code)).toBe(code);
        expect(Number.isInteger(code) && code > 0 && code < 2 ** 24).toBe(true);
      }),
    );
  });

  test("gives every value of every enumeration a different code, which can be decoded", () => {
    const fields: Readonly<Record<string, { readonly type: string; readonly values?: readonly string[] }>> =
      CATEGORY_FIELDS;
    for (const [field, { values = [] }] of Object.entries(fields)) {
      if (!isCategoryField(field)) throw new Error(field);
      expect(values.map((value) => categoryText(field, categoryCode(value)))).toEqual(values);
    }
    expect(categoryText("mcc", NO_CATEGORY)).toBeUndefined();
    expect(categoryText("mcc", categoryCode("ecommerce"))).toBeUndefined();
  });
});

describe("features of kind category", () => {
  const category = {
    name: "merchant_category",
    kind: "category",
    field: "mcc",
    default: 0,
    sentence: "It is {value}.",
  };
  const parse = (...features: object[]) =>
    parseFeatureSpec(JSON.stringify({ version: 1, windows: {}, entities: { card: { key: "card_token" } }, features }));

  test("refer to a payment field that may be a model_category, and require the payment", () => {
    const [feature] = parse(category).features;
    expect(feature).toMatchObject({ kind: "category", field: "mcc" });
    expect(feature && needsPayment(feature)).toBe(true);
  });

  test.each([
    [{ field: "terminal_id" }, /features\.0\.field: must be one of currency, .*mcc/],
    [{ default: 1 }, /features\.0\.default: must be 0, the code of a payment without a value/],
    [{ where: { mcc: ["5732"] } }, /where: is only for kinds that summarise payments/],
  ])("are rejected with %j", (changes, message) => {
    expect(() => parse({ ...category, ...changes })).toThrow(message);
  });

  test("are bounded in number", () => {
    const many = Array.from({ length: 33 }, (_, index) => ({ ...category, name: `category_${index}` }));
    expect(() => parse(...many)).toThrow(/a spec can have at most 32 categories/);
  });
});
