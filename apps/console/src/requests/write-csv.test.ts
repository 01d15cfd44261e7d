import { maskToken } from "./mask-token.js";
import { writeCsv } from "./write-csv.js";

test("cells that hold commas, quotes or lines are quoted, and none is a formula", () => {
  const rows = [["a,b", 'say "hi"', "two\nlines", "=1+1", -5, null, true]];
  expect(writeCsv(["x", "y"], rows)).toBe('x,y\r\n"a,b","say ""hi""","two\nlines",\'=1+1,-5,,true\r\n');
});

test("a token is masked but for its ends", () => {
  expect(maskToken("ct_0123456789abcdef0123456789abcdef")).toBe("ct_01…cdef");
  expect([maskToken(""), maskToken("short")]).toEqual(["", "…"]);
});
