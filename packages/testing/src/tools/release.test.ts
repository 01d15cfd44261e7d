import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
const RELEASE_MS_MAX = 180_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "release-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function release(...args: string[]) {
  return spawnSync(process.execPath, [join(ROOT, "tools", "release", "release.mjs"), ...args], { encoding: "utf8" });
}

test(
  "a release has notes, source, a bill of materials and their digests",
  () => {
    const { status, stderr } = release("--tag", `v${version}`, "--to", folder);
    expect([status, stderr.includes("Error")]).toEqual([0, false]);
    const name = `tripline-v${version}`;
    expect(readdirSync(folder).sort()).toEqual(["SHA256SUMS", "notes.md", `${name}.cdx.json`, `${name}.tar.gz`]);
    const { status: isSame } = spawnSync("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: folder });
    expect(isSame).toBe(0);
    const { components } = JSON.parse(readFileSync(join(folder, `${name}.cdx.json`), "utf8"));
    expect(components).toContainEqual(expect.objectContaining({ name: "ioredis" }));
    const files = spawnSync("tar", ["tzf", `${name}.tar.gz`], { cwd: folder, encoding: "utf8" }).stdout.split("\n");
    expect(files).toContain(`${name}/README.md`);
  },
  RELEASE_MS_MAX,
);

test("rejects a tag of another version, and writes nothing", () => {
  const { status, stderr } = release("--tag", "v99.0.0", "--to", folder);
  expect([status, stderr]).toEqual([
    1,
    `The tag is v99.0.0, but package.json has version ${version}: update the version before you tag.\n`,
  ]);
  expect(readdirSync(folder)).toEqual([]);
});
