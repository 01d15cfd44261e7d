import fc from "fast-check";
import type { DayFile } from "./plan-merge.js";
import { mergeableFiles, planMerge } from "./plan-merge.js";

const LIMITS = { bytesMax: 100, filesMax: 6, filesMin: 3 };

const sized = (...bytes: number[]): DayFile[] => bytes.map((size, index) => ({ sequence: index + 1, bytes: size }));
const planned = (...bytes: number[]) => planMerge(sized(...bytes), LIMITS).map(({ sequence }) => sequence);

test.each([
  ["nothing of an empty day", [], []],
  ["too few files", [1, 1], []],
  ["all files of a small day", [1, 1, 1], [1, 2, 3]],
  ["as many bytes as the limit", [40, 40, 20, 1, 1, 1], [1, 2, 3]],
  ["as many files as the limit", [1, 1, 1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6]],
  ["nothing that is full", [50, 1, 99, 300, 1, 1], []],
  ["the files behind a full one", [50, 1, 1, 1], [2, 3, 4]],
  ["the files between full ones", [1, 1, 60, 1, 1, 1, 60], [4, 5, 6]],
])("merges %s", (_what, bytes, expected) => {
  expect(planned(...bytes)).toEqual(expected);
});

test("counts the files of all merges", () => {
  expect(mergeableFiles(sized(1, 1, 1, 50, 1, 1, 50, 1, 1, 1, 1), LIMITS)).toBe(7);
});

test("repeated merging ends, and leaves at most two files between full ones", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 60 }), (sizes) => {
      let files = sized(...sizes);
      let next = files.length;
      for (let merges = 0; ; merges += 1) {
        expect(merges).toBeLessThan(sizes.length + 1);
        const group = new Set(planMerge(files, LIMITS));
        if (group.size === 0) break;
        next += 1;
        const bytes = [...group].reduce((sum, file) => sum + file.bytes, 0);
        files = [...files.filter((file) => !group.has(file)), { sequence: next, bytes }];
      }
      const total = sizes.reduce((sum, size) => sum + size, 0);
      expect(files.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(total);
      expect(mergeableFiles(files, LIMITS)).toBe(0);
    }),
  );
});
