// Phrases that read as translated, and what to write instead. The list in english-terms.json contains only phrases
// without false positives; finding all others requires a reader. See "Plain English" in CONTRIBUTING.md.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** @type {readonly { pattern: string, flags?: string, instead: string, files?: string }[]} */
const TERMS = JSON.parse(readFileSync(new URL("english-terms.json", import.meta.url), "utf8"));
const PATTERNS = TERMS.map(({ pattern, flags = "i", instead, files = "" }) => ({
  pattern: new RegExp(pattern, flags),
  instead,
  files: new RegExp(files),
}));

const FILES = ["*.md", "*.ts", "*.tsx", "*.mts", "*.mjs", "*.js", "*.py", "*.yaml", "*.yml", "*.tf", "*.tpl"];
const GENERATED = /\/generated\/|^pnpm-lock\.yaml$|\/test-models\//;
/** The changelog quotes earlier texts. */
const EXEMPT = ["CHANGELOG.md"];

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...FILES], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(file) && !GENERATED.test(file) && !EXEMPT.includes(file));

for (const file of files) {
  const applied = PATTERNS.filter((one) => one.files.test(file));
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    for (const { pattern, instead } of applied) {
      const found = pattern.exec(line)?.[0];
      if (found === undefined) continue;
      process.stderr.write(`${file}:${index + 1}: "${found.trim()}": ${instead}: ${line.trim()}\n`);
      process.exitCode = 1;
    }
  }
}
