// Phrases that read as translated, and what to write instead. The list holds what can be found without false alarms; the rest
// takes a reader. See "Plain English" in CONTRIBUTING.md.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** @type {readonly { pattern: RegExp, instead: string, files?: RegExp }[]} */
const PATTERNS = [
  {
    pattern:
      /(?<!\b(?:there|here) )\b(?:is|are|was|were) no (?!longer\b|more\b|less\b|one\b|other\b|[a-z]+er\b)(?=[a-z])/i,
    instead: "is not a …, does not …",
  },
  { pattern: /\bparted by\b/i, instead: "separated by, comma-separated" },
  { pattern: /\bwho comes\b/i, instead: "a caller" },
  { pattern: /\bby hand of\b|\bbe to be\b|\bso and so many\b/i, instead: "(say it plainly)" },
  { pattern: /\bbec(?:a|o)mes? known\b/i, instead: "was reported, was confirmed as fraud" },
  { pattern: /\btruths\b/i, instead: "labels", files: /\.(md|ya?ml)$/ },
  { pattern: /\bbeforehand\b/i, instead: "first, before" },
  { pattern: /\bWhoever\b/, instead: "a caller that, anyone who" },
  { pattern: /\bWhat of\b/, instead: "the part of … that" },
  { pattern: /\bmend(?:s|ed|ing)?\b(?!-)/i, instead: "fix, patch, repair" },
];

const FILES = ["*.md", "*.ts", "*.tsx", "*.mts", "*.mjs", "*.js", "*.py", "*.yaml", "*.yml"];
const GENERATED = /\/generated\/|^pnpm-lock\.yaml$|\/test-models\//;
/** This list itself, and what was said before it. */
const EXEMPT = ["tools/check/check-english.mjs", "CHANGELOG.md"];

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...FILES], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(file) && !GENERATED.test(file) && !EXEMPT.includes(file));

for (const file of files) {
  const applied = PATTERNS.filter((one) => one.files?.test(file) ?? true);
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    for (const { pattern, instead } of applied) {
      const found = pattern.exec(line)?.[0];
      if (found === undefined) continue;
      process.stderr.write(`${file}:${index + 1}: "${found.trim()}": ${instead}: ${line.trim()}\n`);
      process.exitCode = 1;
    }
  }
}
