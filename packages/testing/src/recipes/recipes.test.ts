import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";
import { RECIPES } from "./recipes.js";

const contributing = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
const sections = new Map(contributing.split("\n## ").map((text) => [text.slice(0, text.indexOf("\n")), text]));

test.each(RECIPES)('CONTRIBUTING.md names every file that "$section" changes by hand', ({ section, edits }) => {
  const text = sections.get(section) ?? "";
  const named = Object.keys(edits).map((file) =>
    file.replace(/^apps\/features\/src\/config/, "apps/<service>/src/config"),
  );
  expect(named.filter((file) => !text.includes(`\`${file}\``))).toEqual([]);
});

test.each(RECIPES)("$section: its edits apply to the current files", ({ edits }) => {
  for (const [file, edit] of Object.entries(edits)) {
    const before = readFileSync(join(ROOT, file), "utf8");
    expect(edit(before)).not.toBe(before);
  }
});
