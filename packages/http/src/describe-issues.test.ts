import { z } from "zod";
import { describeIssues } from "./describe-issues.js";

const schema = z.strictObject({
  a: z.string(),
  deep: z.strictObject({ n: z.int() }).optional(),
  lines: z.array(z.strictObject({ amount: z.int().optional() })).optional(),
});

function faultsOf(body: unknown) {
  const result = schema.safeParse(body);
  if (result.success) throw new Error("the body is fine");
  return describeIssues(result.error.issues, body, schema);
}

describe("describeIssues", () => {
  test("identifies fields by JSON pointers, with escapes", () => {
    expect(faultsOf({ a: "x", "b/c~d": 1 }).fields).toEqual([{ pointer: "/b~1c~0d", detail: "is not a known field" }]);
  });

  test("suggests the field that was probably meant, at any depth", () => {
    expect(faultsOf({ a: "x", depp: 1, lines: [{ amuont: 1, else: 2 }] }).message).toBe(
      "/lines/0/amuont is not a known field (did you mean amount?); /lines/0/else is not a known field; " +
        "/depp is not a known field (did you mean deep?).",
    );
  });

  test("suggests the attributes of a payment for other values", () => {
    const open = z.strictObject({ colour: z.string().optional(), attributes: z.unknown().optional() });
    const body = { color: 1, tier: 2 };
    const result = open.safeParse(body);
    expect(describeIssues(result.error?.issues ?? [], body, open).message).toBe(
      "/color is not a known field (did you mean colour? Otherwise, send it in attributes); " +
        "/tier is not a known field (send it in attributes).",
    );
  });

  test("distinguishes missing from invalid", () => {
    expect(faultsOf({ deep: { n: "1" } })).toMatchObject({
      message: "/a is missing; /deep/n must be a number.",
      fields: [
        { pointer: "/a", detail: "is missing" },
        { pointer: "/deep/n", detail: "must be a number" },
      ],
    });
    expect(faultsOf(null)).toMatchObject({ message: "The body must be an object." });
  });

  test("masks a card number in a field name, and shows no value", () => {
    const error = faultsOf({
      a: 4_111_111_111_111_111,
      "4111111111111111": 1,
      "my card 4111111111111111": 1,
      "4111-1111-1111-1111": 1,
    });
    expect(JSON.stringify([error.message, error.fields])).not.toContain("4111");
    expect(error.fields.map(({ pointer }) => pointer)).toEqual(["/a", "/*", "/my card *", "/*"]);
  });

  test("shows at most twenty faults", () => {
    const names = Array.from({ length: 500 }, (_name, index) => [`f${index}`, 1]);
    const error = faultsOf({ a: "x", ...Object.fromEntries(names) });
    expect(error.fields).toHaveLength(20);
    expect(error.message).toMatch(/; and 480 more\.$/);
  });
});
