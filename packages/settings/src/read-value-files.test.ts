import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { readConfig } from "./read-config.js";

describe("values in files", () => {
  const schema = z.object({
    KEY: z.string().min(3),
    POLICY: z.string().optional(),
    POLICY_FILE: z.string().optional(),
  });
  let folder: string;
  let file: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tripline-values-"));
    file = join(folder, "key");
    writeFileSync(file, "sesame\n");
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test("reads a value from a file, even if the schema has refinements", () => {
    expect(readConfig(schema, { KEY_FILE: file })).toEqual({ KEY: "sesame" });
    const refined = schema.refine((config) => config.KEY === "sesame");
    expect(readConfig(refined, { KEY_FILE: file })).toEqual({ KEY: "sesame" });
  });

  test("keeps a schema variable that ends in _FILE as a path", () => {
    expect(readConfig(schema, { KEY: "sesame", POLICY_FILE: file })).toEqual({ KEY: "sesame", POLICY_FILE: file });
  });

  test.each([
    [
      "a file that does not exist",
      { KEY_FILE: "/nowhere/key" },
      /the file \/nowhere\/key in KEY_FILE cannot be read \(ENOENT\)/,
    ],
    ["a value and a file together", { KEY: "other", KEY_FILE: "FILE" }, /KEY and KEY_FILE are both set/],
    ["an invalid value in the file", { POLICY: "p", KEY_FILE: "EMPTY" }, /KEY: /],
  ])("rejects %s", (_what, environment, message) => {
    const empty = join(folder, "empty");
    writeFileSync(empty, "");
    const paths: Record<string, string> = { FILE: file, EMPTY: empty };
    const given = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, paths[value] ?? value]));
    expect(() => readConfig(schema, given)).toThrow(message);
  });
});
