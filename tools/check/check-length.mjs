// No source file is longer than 400 lines. Generated code does not count.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const LINES_MAX = 400;

const files = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.ts", "*.tsx", "*.mjs", "*.js", "*.py"],
  {
    encoding: "utf8",
  },
)
  .split("\n")
  // Git lists a deleted file until the deletion is committed.
  .filter((file) => file !== "" && !file.includes("/generated/") && existsSync(file));

const tooLong = files
  .map((file) => ({ file, lines: readFileSync(file, "utf8").split("\n").length }))
  .filter(({ lines }) => lines > LINES_MAX);

for (const { file, lines } of tooLong) {
  process.stderr.write(`${file} has ${lines} lines; the maximum is ${LINES_MAX}. Split it by responsibility.\n`);
}
process.exitCode = tooLong.length === 0 ? 0 : 1;
