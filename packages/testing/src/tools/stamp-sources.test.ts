import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isCompiled, stampOfSources } from "../../../../tools/start/stamp-sources.mjs";

const ROOT_FILES = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "tsconfig.base.json", "turbo.json"];
const FILES = ["apps/archive/package.json", "apps/archive/tsconfig.json", "apps/archive/src/main.ts"];
const AT_S = 1_000_000;

let root = "";

function write(file: string, text = "", atS = AT_S): void {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  utimesSync(path, atS, atS);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tripline-sources-"));
  mkdirSync(join(root, "packages"));
  for (const file of [...ROOT_FILES, ...FILES]) write(file);
});
afterEach(() => rmSync(root, { recursive: true }));

const changes: [string, () => void][] = [
  ["a newer file of the same length", () => write("apps/archive/src/main.ts", "", AT_S + 1)],
  ["a new file", () => write("apps/archive/src/config.ts")],
  ["a deleted file", () => rmSync(join(root, "apps/archive/src/main.ts"))],
  ["other libraries", () => write("pnpm-lock.yaml", "lockfileVersion: 9")],
];

test.each(changes)("changes the stamp after %s", (_name, change) => {
  const before = stampOfSources(root);
  change();
  expect(stampOfSources(root)).not.toBe(before);
});

test("keeps the stamp after a build", () => {
  const before = stampOfSources(root);
  write("apps/archive/dist/main.js");
  write("apps/archive/node_modules/zod/index.js");
  expect(stampOfSources(root)).toBe(before);
});

test("recompiles after a file was removed", () => {
  expect(isCompiled(root)).toBe(false);
  write("apps/archive/dist/.tsbuildinfo");
  expect(isCompiled(root)).toBe(true);
});
