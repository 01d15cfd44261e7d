// No folder has more than 24 source files, which is about as many as a reader can keep in mind. Files with a common prefix
// belong in a folder. Generated code does not count, and a test counts together with its subject.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";

const FILES_MAX = 24;
const PATTERNS = ["*.ts", "*.tsx", "*.mjs", "*.js", "*.py"];

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...PATTERNS], {
  encoding: "utf8",
})
  .split("\n")
  // Git lists a deleted file until the deletion is committed.
  .filter((file) => file !== "" && !file.includes("/generated/") && existsSync(file));

/** @param {string} file */
const isBesideItsSubject = (file) => file.endsWith(".test.ts") && files.includes(file.replace(/\.test\.ts$/, ".ts"));

/** @type {Map<string, number>} */
const sizes = new Map();
for (const file of files) {
  if (!isBesideItsSubject(file)) sizes.set(dirname(file), (sizes.get(dirname(file)) ?? 0) + 1);
}

for (const [folder, size] of sizes) {
  if (size <= FILES_MAX) continue;
  process.stderr.write(
    `${folder} contains ${size} files; the maximum is ${FILES_MAX}. Split it by the purpose of the files.\n`,
  );
  process.exitCode = 1;
}
