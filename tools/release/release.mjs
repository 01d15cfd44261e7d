// `npx tripline release`: creates the files that the release workflow publishes for a tag: the notes from the changelog, the
// source, a bill of materials, and the digests of these files. `--tag v1.2.3`, which the workflow passes, also requires
// the version to match the tag.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const SBOM_MS_MAX = 300_000;

try {
  const { values } = parseArgs({
    options: { tag: { type: "string" }, to: { type: "string", default: join(ROOT, ".tripline", "release") } },
  });
  makeRelease(resolve(process.env.INIT_CWD ?? ".", values.to), values.tag);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

/**
 * @param {string} folder emptied first
 * @param {string | undefined} tag
 */
function makeRelease(folder, tag) {
  const { version, packageManager } = JSON.parse(read("package.json"));
  checkVersion({ version, tag, chart: read("deploy/helm/tripline/Chart.yaml") });
  const notes = notesOf(read("CHANGELOG.md"), version);
  if (run("git", ["status", "--porcelain"]) !== "") process.stderr.write("Uncommitted changes are ignored.\n");
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const name = `tripline-v${version}`;
  fs.writeFileSync(join(folder, "notes.md"), notes);
  run("git", ["archive", "--format=tar.gz", `--prefix=${name}/`, `--output=${join(folder, `${name}.tar.gz`)}`, "HEAD"]);
  const sbom = ["sbom", "--sbom-format", "cyclonedx", "--lockfile-only", "--out", join(folder, `${name}.cdx.json`)];
  run("npx", ["--yes", packageManager, ...sbom]);
  const digests = fs.readdirSync(folder).map((file) => {
    const digest = createHash("sha256")
      .update(fs.readFileSync(join(folder, file)))
      .digest("hex");
    return `${digest}  ${file}\n`;
  });
  fs.writeFileSync(join(folder, "SHA256SUMS"), digests.join(""));
  process.stdout.write(`${digests.join("")}${name} is in ${folder}\n`);
}

/**
 * @param {{ version: string, tag: string | undefined, chart: string }} release chart: the text of Chart.yaml
 * @throws {Error} in one sentence that says what to change
 */
function checkVersion({ version, tag, chart }) {
  if (tag !== undefined && tag !== `v${version}`) {
    throw new Error(`The tag is ${tag}, but package.json has version ${version}: update the version before you tag.`);
  }
  for (const name of ["version", "appVersion"]) {
    const declared = new RegExp(`^${name}: "?([^"\\s]+)"?$`, "m").exec(chart)?.[1];
    if (declared !== version) {
      throw new Error(`Chart.yaml has ${name} ${declared}, but package.json has ${version}: they must be equal.`);
    }
  }
}

/**
 * The section of a version, without its heading.
 *
 * @param {string} changelog
 * @param {string} version
 * @returns {string}
 * @throws {Error} if it is missing or empty
 */
function notesOf(changelog, version) {
  const section = changelog.split(/^## /m).find((part) => part.split("\n", 1)[0]?.split(" ")[0] === version);
  const notes = section?.slice(section.indexOf("\n")).trim() ?? "";
  if (notes === "") throw new Error(`CHANGELOG.md has no section "## ${version}", or an empty one: write it first.`);
  return `${notes}\n`;
}

/** @param {string} file */
function read(file) {
  return fs.readFileSync(join(ROOT, file), "utf8");
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  const env = { ...process.env, PNPM_CONFIG_PM_ON_FAIL: "ignore" };
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    env,
    timeout: SBOM_MS_MAX,
  });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${error?.message ?? stderr}`);
  return stdout;
}
