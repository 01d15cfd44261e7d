import fc from "fast-check";
import {
  dayOf,
  dayOfFolder,
  filePath,
  isDay,
  parseStagedName,
  rangeOfReplaced,
  replacedPath,
  sequenceOfEntry,
  sequenceOfFile,
  stagedDayPrefix,
  stagedRowsPrefix,
} from "./lake-layout.js";

test.each([
  [1, "1970-01-01"],
  [Date.UTC(2024, 1, 29), "2024-02-29"],
  [Date.UTC(2024, 2, 1) - 1, "2024-02-29"],
  [Date.UTC(2024, 2, 1), "2024-03-01"],
  // Daylight saving time starts in Europe and ends in America on these days; UTC is not affected.
  [Date.UTC(2024, 2, 31, 1), "2024-03-31"],
  [Date.UTC(2024, 10, 3, 23, 59, 59, 999), "2024-11-03"],
  [Date.UTC(9999, 11, 31, 23, 59, 59, 999), "9999-12-31"],
  [Date.UTC(10_000, 0, 1), undefined],
  [0, undefined],
  [-1, undefined],
  [1.5, undefined],
  [Number.NaN, undefined],
  [Number.MAX_SAFE_INTEGER, undefined],
])("the day of %d ms is %s", (ms, day) => {
  expect(dayOf(ms)).toBe(day);
});

test.each([
  ["2024-02-29", true],
  ["2023-02-29", false],
  ["2024-2-29", false],
  ["2024-13-01", false],
  ["../../etc", false],
  ["", false],
])("whether %j is a day: %s", (text, expected) => {
  expect(isDay(text)).toBe(expected);
});

test("file names contain their position", () => {
  expect(filePath("/lake/features", "2024-02-29", 12)).toBe("/lake/features/day=2024-02-29/0000000000000012.parquet");
  expect(sequenceOfFile("0000000000000012.parquet")).toBe(12);
  expect(sequenceOfEntry("0000000000000012.json")).toBe(12);
  expect(dayOfFolder("day=2024-02-29")).toBe("2024-02-29");
  const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(fc.nat(1_000), position, (partition, from) => {
      const name = `${stagedRowsPrefix(partition, from, "0123456789abcdef")}-2024-02-29.staged`;
      expect(parseStagedName(name)).toEqual({ kind: "rows", partition, from });
      const merged = `${stagedDayPrefix("2024-02-29", from, "0123456789abcdef")}.entry`;
      expect(parseStagedName(merged)).toEqual({ kind: "day", day: "2024-02-29", firstReplaced: from });
    }),
  );
});

test.each([
  [{ first: 1, last: 9 }, "_replaced-0000000000000009"],
  [{ first: 5, last: 9 }, "_replaced-0000000000000005-0000000000000009"],
])("the marker of the merged entries %j is %s", (range, name) => {
  expect(replacedPath("/lake/features", "2024-02-29", range)).toBe(`/lake/features/day=2024-02-29/${name}`);
  expect(rangeOfReplaced(name)).toEqual(range);
});

test.each([".DS_Store", "_SUCCESS", "12.parquet", "0000000000000012.parquet.crc", "x0000000000000012.parquet"])(
  "does not recognize %s",
  (name) => {
    expect([sequenceOfFile(name), sequenceOfEntry(name), dayOfFolder(name), parseStagedName(name)]).toEqual(
      Array(4).fill(undefined),
    );
  },
);
