// The committed code generated from the .proto files is what the generator makes of them today. With --write it is written.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PACKAGES = ["packages/contracts", "packages/tree-shap"];
const GENERATED = "src/generated";
const BUF = resolve("node_modules", ".bin", "buf");

if (process.argv.includes("--write")) {
  for (const folder of PACKAGES) execFileSync(BUF, ["generate"], { cwd: folder, stdio: "inherit" });
} else process.exitCode = PACKAGES.map(isFresh).every(Boolean) ? 0 : 1;

/** @param {string} folder */
function isFresh(folder) {
  const copy = mkdtempSync(join(tmpdir(), "tripline-generated-"));
  try {
    for (const part of ["proto", "buf.yaml", "buf.gen.yaml"]) {
      if (existsSync(join(folder, part))) cpSync(join(folder, part), join(copy, part), { recursive: true });
    }
    execFileSync(BUF, ["generate"], { cwd: copy, stdio: ["ignore", "ignore", "inherit"] });
    const [fresh, committed] = [join(copy, GENERATED), join(folder, GENERATED)];
    const stale = filesIn(fresh).filter((file) => contentOf(join(fresh, file)) !== contentOf(join(committed, file)));
    for (const file of stale) {
      process.stderr.write(`${folder}/${GENERATED}/${file} is stale; run \`npx tripline generate\`.\n`);
    }
    return stale.length === 0;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** @param {string} folder */
function filesIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
}

/**
 * @param {string} file
 * @returns undefined where there is no such file
 */
function contentOf(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
