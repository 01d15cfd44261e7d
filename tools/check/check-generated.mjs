// Checks that the committed code from payment.yaml and the .proto files is current. --write regenerates it.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { generatePayment } from "../payment/generate-payment.mjs";

const PACKAGES = ["packages/contracts", "packages/tree-shap"];
const GENERATED = "src/generated";
const BUF = resolve("node_modules", ".bin", "buf");

const payment = generatePayment(".");
if (process.argv.includes("--write")) {
  write(payment.proto);
  // buf removes all other files in its folder.
  for (const folder of PACKAGES) execFileSync(BUF, ["generate"], { cwd: folder, stdio: "inherit" });
  payment.others.forEach(write);
} else {
  const outputs = [payment.proto, ...payment.others].map(isCurrent);
  process.exitCode = [...outputs, ...PACKAGES.map(isFresh)].every(Boolean) ? 0 : 1;
}

/** @param {import("../payment/generate-payment.mjs").Output} output */
function write({ file, text }) {
  if (contentOf(file) === text) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** @param {import("../payment/generate-payment.mjs").Output} output */
function isCurrent({ file, text }) {
  if (contentOf(file) === text) return true;
  reportStale(file);
  return false;
}

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
    for (const file of stale) reportStale(`${folder}/${GENERATED}/${file}`);
    return stale.length === 0;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** @param {string} file */
function reportStale(file) {
  process.stderr.write(`${file} is stale; run \`npx tripline generate\`.\n`);
}

/** @param {string} folder */
function filesIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
}

/**
 * @param {string} file
 * @returns undefined if the file does not exist
 */
function contentOf(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
