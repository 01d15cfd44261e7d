// The committed code generated from the .proto files is what the generator makes of them today.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CONTRACTS = "packages/contracts";
const GENERATED = "src/generated";

const copy = mkdtempSync(join(tmpdir(), "tripline-generated-"));
try {
  for (const part of ["proto", "buf.yaml", "buf.gen.yaml"]) {
    cpSync(join(CONTRACTS, part), join(copy, part), { recursive: true });
  }
  execFileSync("buf", ["generate"], { cwd: copy, stdio: ["ignore", "ignore", "inherit"] });
  const stale = filesIn(join(copy, GENERATED)).filter((file) => differs(file));
  for (const file of stale) {
    process.stderr.write(`${CONTRACTS}/${GENERATED}/${file} is stale; run \`npm run generate\`.\n`);
  }
  process.exitCode = stale.length === 0 ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** @param {string} folder */
function filesIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
}

/** @param {string} file */
function differs(file) {
  try {
    return readFileSync(join(copy, GENERATED, file), "utf8") !== readFileSync(join(CONTRACTS, GENERATED, file), "utf8");
  } catch {
    return true;
  }
}
