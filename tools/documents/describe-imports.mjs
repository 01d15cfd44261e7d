// Finds the packages that import a package, for a row in its README.
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"(@tripline\/[^/"]+)/g;
/** Tests are not part of the product and may import anything. */
const TESTS = /\.test\.ts$|\/testing\//;
const ROW = /^\| imported by \|.*\|$/m;

/** @returns {{ file: string, text: string }[]} the READMEs with such a row, in their current form */
export function readmesWithImporters() {
  const manifests = globSync("{apps,packages}/*/package.json").sort();
  const names = new Map(manifests.map((file) => [dirname(file), String(JSON.parse(readFileSync(file, "utf8")).name)]));
  const imports = new Map([...names.keys(), "load-tests"].map((folder) => [folder, importsOf(folder)]));
  return [...names].flatMap(([folder, name]) => {
    const file = join(folder, "README.md");
    const text = readFileSync(file, "utf8");
    if (!ROW.test(text)) return [];
    const importers = [...imports]
      .filter(([importer, imported]) => importer !== folder && imported.has(name))
      .map(([importer]) => `\`${importer}\``);
    return [{ file, text: text.replace(ROW, `| imported by | ${importers.join(", ") || "tests only"} |`) }];
  });
}

/** @param {string} folder */
function importsOf(folder) {
  const files = globSync(`${folder}/{src,web/src,peers,textbook}/**/*.{ts,tsx}`).filter((file) => !TESTS.test(file));
  const found = files.flatMap((file) => Array.from(readFileSync(file, "utf8").matchAll(IMPORT), ([, name]) => name));
  return new Set(found);
}
