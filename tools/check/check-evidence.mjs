// docs/security.md names a test for each control. The file must exist and contain the test's title.
import { existsSync, readFileSync } from "node:fs";
import { reportFindings } from "./report-findings.mjs";

const DOCUMENT = "docs/security.md";
const SECTION = "\n## Controls and their tests\n";
/** `path`: "title", the format in which a table cell names its test. */
const TEST = /`([^`]+\.(?:test\.ts|py|tftest\.hcl|yaml|mjs))`: “([^”]+)”/g;

const [, section = ""] = readFileSync(DOCUMENT, "utf8").split(SECTION);
const rows = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => /^\| (?!control|---)/.test(line));
reportFindings({ faults: rows.length === 0 ? [`${DOCUMENT} has no controls.`] : rows.flatMap(faultsOf), skipped: [] });

/**
 * @param {string} row
 * @returns {string[]}
 */
function faultsOf(row) {
  const [, control = ""] = row.split("|").map((cell) => cell.trim());
  const tests = [...row.matchAll(TEST)];
  if (tests.length === 0) return [`${DOCUMENT}: “${control}” names no test.`];
  return tests.flatMap(([, file = "", title = ""]) => {
    if (!existsSync(file)) return [`${DOCUMENT}: “${control}” names ${file}, which does not exist.`];
    const isThere = readFileSync(file, "utf8").includes(title);
    return isThere ? [] : [`${DOCUMENT}: “${control}” names a test that ${file} does not contain: ${title}`];
  });
}
