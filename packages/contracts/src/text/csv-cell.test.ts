import fc from "fast-check";
import { csvCell, csvText } from "./csv-cell.js";

test.each([
  ["=HYPERLINK(1)", "'=HYPERLINK(1)"],
  ["+1", "'+1"],
  ["-1", "'-1"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["\t=1", "'\t=1"],
  ['=1,"x"', '"\'=1,""x"""'],
  ["two\nlines", '"two\nlines"'],
  ["plain", "plain"],
  ["it's", "it's"],
])("%j is the cell %j", (text, cell) => {
  expect(csvCell(text)).toBe(cell);
});

test("reads a cell that it has written", () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !/^'[=+\-@\t\r]/.test(text)),
      (text) => {
        const cell = csvCell(text);
        const bare = cell.startsWith('"') && cell.length > 1 ? cell.slice(1, -1).replaceAll('""', '"') : cell;
        fc.pre(!/^"/.test(text) || cell !== text);
        return csvText(bare) === text;
      },
    ),
  );
});
