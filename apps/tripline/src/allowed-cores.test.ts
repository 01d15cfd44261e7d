import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowedCores } from "./allowed-cores.js";

const root = mkdtempSync(join(tmpdir(), "tripline-cores-"));
const own = join(root, "own");

afterAll(() => rmSync(root, { recursive: true }));

beforeAll(() => {
  mkdirSync(join(root, "pods", "one"), { recursive: true });
  writeFileSync(own, "0::/pods/one\n");
});

test.each([
  ["max 100000", "max 100000", undefined],
  ["50000 100000", "max 100000", 0.5],
  ["300000 100000", "200000 100000", 2],
])('a cgroup limited to "%s" inside one limited to "%s" may use this many CPUs: %s', (inner, outer, cores) => {
  writeFileSync(join(root, "pods", "one", "cpu.max"), `${inner}\n`);
  writeFileSync(join(root, "pods", "cpu.max"), `${outer}\n`);
  expect(allowedCores(root, own)).toBe(cores);
});

test("a system without cgroups has no limit", () => {
  expect(allowedCores(root, join(root, "missing"))).toBeUndefined();
});
