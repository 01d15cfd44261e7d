import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inputsFile, programFile } from "../../programs.mjs";

const root = mkdtempSync(join(tmpdir(), "tripline-programs-"));
const compiled = join(root, "apps", "archive", "dist", "main.js");
const bundle = join(root, "dist", "programs", "archive.mjs");
const inputs = ["apps/archive/dist/main.js", "packages/lake/dist/lake.js"];
const BUNDLED_S = 1_000_000;

function write(file: string, text: string, atS: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  utimesSync(file, atS, atS);
}

beforeEach(() => {
  for (const input of inputs) write(join(root, input), "", BUNDLED_S);
  write(bundle, "", BUNDLED_S);
  write(inputsFile(root), JSON.stringify(inputs), BUNDLED_S);
});
afterAll(() => rmSync(root, { recursive: true }));

test("runs a program from its bundle", () => {
  expect(programFile(root, "archive")).toBe(bundle);
});

const stale: [string, () => void][] = [
  ["one of its inputs is newer", () => write(join(root, inputs[1] ?? ""), "", BUNDLED_S + 1)],
  ["one of its inputs is gone", () => rmSync(join(root, inputs[1] ?? ""))],
  ["there is no bundle of the program", () => rmSync(bundle)],
  ["bundling did not finish", () => rmSync(inputsFile(root))],
];

test.each(stale)("runs the compiler's output if %s", (_name, change) => {
  change();
  expect(programFile(root, "archive")).toBe(compiled);
});
