import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { OWN_MAPPING, ownCsv } from "../testing/own-payments.js";
import type { MappedField } from "./mapped-field.js";

/*
 * `data check` after a column was declared as a field. The field is added to the list that `npx tripline generate` writes,
 * before the modules that read the list are loaded.
 */
const { MAPPED_FIELDS } = await import("../generated/mapped-fields.js");
const kind: MappedField = { name: "kind", column: "kind", wire: "string", type: "enum", values: ["fuel", "games"] };
(MAPPED_FIELDS as MappedField[]).push(kind);
const { checkFile } = await import("./check-file.js");
const { parseMapping } = await import("./mapping.js");

const category = { name: "kind", kind: "category", field: "kind", default: 0, sentence: "It is {value}." };
const shipped = currentFeatureSpec();
const spec = { ...shipped, features: [...shipped.features, category] } as FeatureSpec;

test("a declared enum is validated, and features can use it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-declared-"));
  try {
    const path = join(folder, "mapping.yaml");
    writeFileSync(join(folder, "payments.csv"), ownCsv({ days: 3, perDay: 40 }));
    const rejectsPath = join(folder, "rejects.ndjson");
    const check = (text: string) =>
      checkFile({ mapping: parseMapping(text, path), key: Buffer.alloc(32, 7), tenant: "acme", spec, rejectsPath });

    const without = await check(OWN_MAPPING);
    expect(without).toMatchObject({ accepted: 120, unusedColumns: ["kind"] });
    expect(without.missing).toContainEqual({ lacks: ["kind"], features: ["kind"] });

    const declared = await check(OWN_MAPPING.replace("label:", "  kind: { column: kind }\nlabel:"));
    expect(declared.unusedColumns).toEqual([]);
    expect(declared.missing.flatMap(({ features }) => features)).not.toContain("kind");
    expect(declared.accepted).toBeGreaterThan(0);
    const rejected = {
      reason: "kind is not one of fuel, games; `values` in the mapping replaces other texts",
      rows: 120 - declared.accepted,
    };
    expect(declared.rejected).toEqual([rejected]);
    const [first = ""] = readFileSync(rejectsPath, "utf8").split("\n");
    expect(JSON.parse(first)).toMatchObject({
      reason: rejected.reason,
      row: { kind: expect.stringMatching(/^(grocery|travel)$/) },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
