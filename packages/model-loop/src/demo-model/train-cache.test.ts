import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CODE, cacheKey, dropOldEntries } from "./train-cache.js";

describe("cacheKey", () => {
  test("depends on each parameter and its boundaries", async () => {
    const keys = await Promise.all([
      cacheKey(["a", "b"]),
      cacheKey(["ab"]),
      cacheKey(["a", "c"]),
      cacheKey(["a", "b"]),
    ]);
    expect(new Set(keys).size).toBe(3);
    expect(keys[3]).toBe(keys[0]);
    expect(keys[0]).toMatch(/^[0-9a-f]{16}$/);
  });

  test.each(CODE)("depends on files in %s that match %s", async (folder, pattern) => {
    // Sources, because compiled files of removed sources may remain.
    const names = await readdir(folder.replace(/dist$/, "src"), { recursive: true });
    expect(names.filter((name) => pattern.test(name.replace(/\.ts$/, ".js")))).not.toEqual([]);
  });
});

test("regression #31: the key depends on the code that estimates the label delay", () => {
  const patterns = CODE.filter(([folder]) => folder.endsWith(join("decision-engine", "dist"))).map(
    ([, pattern]) => pattern,
  );
  for (const name of ["backtest/label-survey.js", "backtest/label-delay.js"]) {
    expect(patterns.some((pattern) => pattern.test(name))).toBe(true);
  }
});

describe("dropOldEntries", () => {
  test("keeps the most recently changed entries", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tripline-cache-"));
    const entries = [
      { name: "old", changedAtSeconds: 1_700_000_000 },
      { name: "newest", changedAtSeconds: 1_700_000_002 },
      { name: "newer", changedAtSeconds: 1_700_000_001 },
    ];
    for (const { name, changedAtSeconds } of entries) {
      await mkdir(join(folder, name));
      await utimes(join(folder, name), changedAtSeconds, changedAtSeconds);
    }
    await dropOldEntries(folder, 2);
    expect((await readdir(folder)).sort()).toEqual(["newer", "newest"]);
    await rm(folder, { recursive: true });
  });
});
