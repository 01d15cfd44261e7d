import { parseWait } from "./parse-prefer.js";

describe("parseWait", () => {
  const cases: [string | string[] | undefined, number | undefined][] = [
    [undefined, undefined],
    ["wait=5", 5],
    ["wait=0.5", 0.5],
    ["Wait = 5", 5],
    ['wait="5"', 5],
    ["respond-async, wait=5", 5],
    ["wait=5; strict=yes", 5],
    [["respond-async", "wait=5"], 5],
    ["wait=3600", 30],
    ["wait=1, wait=2", 1],
    ['note="a, wait=9", wait=2', 2],
    ['note="a; wait=9"', undefined],
    ["wait=0", undefined],
    ["wait=NaN", undefined],
    ["wait=Infinity", undefined],
    ["wait", undefined],
    ["wait=", undefined],
    ["wait=x, wait=5", undefined],
    ["waits=5", undefined],
    ['"', undefined],
    [",,;=,", undefined],
  ];
  test.each(cases)("reads %j as %j", (header, expected) => {
    expect(parseWait(header, 30)).toBe(expected);
  });

  test.each(["1e-7", "1e3", "-1", "+5", ".5", "5.", "0.0000001", "0.0009", "12345678901"])(
    "regression #24: wait=%s is rejected",
    (value) => {
      expect(() => parseWait(`respond-async, wait=${value}`, 30)).toThrow("Prefer: wait must be a number of seconds");
    },
  );

  // A pattern that backtracks would not end.
  test.each([" ".repeat(16_000), '"\\'.repeat(8_000), `wait=${" ".repeat(16_000)}x`, ",;=".repeat(5_000)])(
    "quickly parses a header designed to be slow to parse: %#",
    (text) => {
      expect(parseWait(text, 30)).toBeUndefined();
    },
  );
});
