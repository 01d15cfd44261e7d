import { addField } from "@tripline/backfill/mapping/declare-field";
import { readPayment } from "../../../../tools/payment/read-payment.mjs";
import { ADDED_FIELDS, ADDED_KIND } from "../fields/added-fields.js";
import { RepositoryCopy, wholeProgram } from "../recipes/repository-copy.js";

/** Generous: all sources are checked, and the machine may be busy. */
const COMMAND_MS_MAX = 300_000;
const DEFINITION = "packages/contracts/payment.yaml";

const PRINT_MESSAGES =
  'import { generatePayment } from "./tools/payment/generate-payment.mjs"; console.log(generatePayment(".").proto.text)';

/** A field as added by `tripline data inspect --declare`. */
const DECLARED = {
  ...{ column: "Product Line", type: "enum" as const, name: "product_line" },
  ...{ example: "games", values: ["games", "no", "true"] },
};

describe("a field of each type and a list kind, added to payment.yaml in a copy of this repository", () => {
  let copy: RepositoryCopy;

  beforeAll(() => {
    copy = RepositoryCopy.make();
    const added = copy.read(DEFINITION).replace("list_kinds:\n", ADDED_KIND) + ADDED_FIELDS;
    copy.write(DEFINITION, addField(added, DECLARED));
  }, COMMAND_MS_MAX);
  afterAll(() => copy.remove());

  test(
    "changes only generated files, and everything still compiles",
    () => {
      expect(copy.run(process.execPath, ["tools/check/check-generated.mjs", "--write"])).toEqual({
        status: 0,
        output: "",
      });
      expect(copy.changedFiles()).toEqual([
        "apps/ingestion/src/generated/payment-fields.ts",
        "packages/backfill/src/generated/mapped-fields.ts",
        "packages/backfill/src/generated/optional-columns.ts",
        "packages/contracts/payment.yaml",
        "packages/contracts/proto/tripline/events/v1/events.proto",
        "packages/contracts/src/generated/payment-fields.ts",
        "packages/contracts/src/generated/tripline/events/v1/events.ts",
        "packages/decision-engine/src/generated/field-variables.ts",
        "packages/decision-engine/src/generated/listed-values.ts",
        "packages/lake/src/generated/transaction-kinds.ts",
        "packages/system/src/generated/sent-fields.ts",
        "training/spark/payment_columns.py",
      ]);
      const intake = copy.read("apps/ingestion/src/generated/payment-fields.ts");
      for (const name of [
        "loyalty_tier",
        "passport_token",
        "sales_channel",
        "items",
        "is_gift",
        "shop_latitude",
        "product_line",
      ]) {
        expect(intake).toContain(`content.push(["${name}", payment.`);
      }
      const lists = copy.read("packages/decision-engine/src/generated/listed-values.ts");
      expect(lists).toContain('this.tier = isListed("tier");');
      expect(lists).toContain('tier: "loyalty tier"');
      copy.write("tsconfig.json", JSON.stringify(wholeProgram(copy.folder)));
      // Several threads would each check the types of the libraries.
      expect(copy.run("tsc", ["-p", ".", "--singleThreaded"])).toEqual({ status: 0, output: "" });
    },
    COMMAND_MS_MAX,
  );

  const faults: [string, string][] = [
    ["{ name: a, path: a, number: 12, type: text, class: none, description: A. }", "the number 12 is already used"],
    [
      "{ name: a, path: email, number: 120, type: text, class: none, description: A. }",
      "the path email is already used",
    ],
    ["{ name: a, path: a, type: text, class: none, description: A. }", "requires a number"],
    ["{ name: a, path: a, number: 120, type: colour, class: none, description: A. }", "type"],
    ["{ name: a, path: a, number: 120, type: text, class: personal, description: A. }", "add sealed"],
    [
      "{ name: a, path: a, number: 120, type: text, class: none, description: A., list: b }",
      "list_kinds does not contain b",
    ],
    [
      "{ name: a, path: a, number: 120, type: number, class: none, description: A., uses: [entity_key] }",
      "be a string",
    ],
    [
      "{ name: a, path: a, number: 120, type: number, class: none, description: A., uses: [model_category] }",
      "a model category must be a string",
    ],
    [
      "{ name: a, path: a, number: 120, type: text, format: phone, class: none, description: A., example: b }",
      "is for token",
    ],
    [
      "{ name: a, path: a, number: 120, type: integer, range: [2, 1], class: none, description: A., example: 1 }",
      "range",
    ],
    [
      "{ name: a, path: a, number: 120, type: text, class: none, description: A., example: b, uses: [console] }",
      "must have a title",
    ],
    [
      "{ name: a, path: a, number: 120, type: token, token: { prefix: dt, word: a }, sealed: 60, class: personal, title: A, description: A., example: b }",
      "the prefix dt",
    ],
    [
      "{ name: a, path: a, type: text, sealed: 60, class: personal, title: A, description: A., example: b }",
      "a field that is only sealed must have the fingerprint none",
    ],
    ["{ name: a, path: a, number: 120, type: attributes, class: none, description: A., example: b }", "only the field"],
  ];
  test.each(faults)("rejects %s with its position", (entry, message) => {
    const before = copy.read(DEFINITION);
    copy.write(DEFINITION, `${before}  - ${entry}\n`);
    try {
      expect(() => readPayment(copy.at(DEFINITION))).toThrow(/packages\/contracts\/payment\.yaml: fields\./);
      expect(() => readPayment(copy.at(DEFINITION))).toThrow(message);
    } finally {
      copy.write(DEFINITION, before);
    }
  });

  test("rejects the number of a removed field, and names the next free one", () => {
    const before = copy.read(DEFINITION);
    const entry = "{ name: a, path: a, number: 130, type: text, class: none, description: A., example: b }";
    copy.write(DEFINITION, `${before}  - ${entry}\nretired_numbers: [129, 130]\n`);
    const message = "a: the number 130 is retired, because stored payments may contain it; use 131";
    expect(() => readPayment(copy.at(DEFINITION))).toThrow(message);
    copy.write(DEFINITION, before);
  });

  test("regression #28: the number of a removed field must be retired", () => {
    const before = copy.read(DEFINITION);
    const number = /name: exemption\n[\s\S]*?number: (\d+)/.exec(before)?.[1];
    const removed = before.replace(/\n {2}- name: exemption\n[\s\S]*?(?=\n {2}- )/, "");
    copy.write(DEFINITION, removed);
    const generate = () => copy.run(process.execPath, ["--input-type=module", "--eval", PRINT_MESSAGES]).output;
    const message = `lacks the number ${number} of the field exemption: add ${number} to retired_numbers`;
    expect(generate()).toContain(message);
    copy.write(DEFINITION, `${removed}retired_numbers: [${number}]\n`);
    expect(generate()).toContain(`message Transaction {\n  reserved ${number};`);
    copy.write(DEFINITION, before);
  });

  test("regression #28: the sealed number of a removed field must be retired", () => {
    const before = copy.read(DEFINITION);
    const [entry = "", number, sealed] =
      /\n {2}- name: phone_token\n[\s\S]*?number: (\d+)[\s\S]*?sealed: (\d+)[\s\S]*?(?=\n {2}- )/.exec(before) ?? [];
    const removed = before.replace(entry, "");
    const generate = (text: string) => {
      copy.write(DEFINITION, text);
      return copy.run(process.execPath, ["--input-type=module", "--eval", PRINT_MESSAGES]).output;
    };
    const message = `lacks the number ${sealed} of the field phone: add ${sealed} to retired_sealed_numbers`;
    expect(generate(`${removed}retired_numbers: [${number}]\n`)).toContain(message);
    const retired = `${removed}retired_numbers: [${number}]\nretired_sealed_numbers: [${sealed}]\n`;
    expect(generate(retired)).toContain(`message PersonalFields {\n  reserved ${sealed};`);
    const reused = retired.replace("name: email_token\n", `name: email_token\n    sealed: ${sealed}\n`);
    const reusedOnce = reused.replace(/(name: email_token\n.*\n[\s\S]*?)\n {4}sealed: 1\n/, "$1\n");
    expect(generate(reusedOnce)).toContain(
      `email_token: the sealed number ${sealed} is retired, because stored payments`,
    );
    const word = { column: "Word", type: "token" as const, name: "word", example: "a" };
    expect(addField(`fields: []\nretired_sealed_numbers: [12]\n`, word)).toContain("sealed: 13\n");
    copy.write(DEFINITION, before);
  });

  test("a faulty definition makes the command fail, and it writes nothing", () => {
    const before = copy.read(DEFINITION);
    const written = copy.changedFiles();
    copy.write(DEFINITION, `${before}  - ${faults[0]?.[0]}\n`);
    const { status, output } = copy.run(process.execPath, ["tools/check/check-generated.mjs", "--write"]);
    copy.write(DEFINITION, before);
    expect([status, output]).toEqual([1, expect.stringContaining(faults[0]?.[1] ?? "")]);
    expect(copy.changedFiles()).toEqual(written);
  });
});
