import { maskToken } from "./mask-token.js";
import { writeCsv } from "./write-csv.js";

test("quotes cells with commas, quotes or line breaks, and escapes formulas", () => {
  const rows = [["a,b", 'say "hi"', "two\nlines", "=1+1", -5, null, true]];
  expect(writeCsv(["x", "y"], rows)).toBe('x,y\r\n"a,b","say ""hi""","two\nlines",\'=1+1,-5,,true\r\n');
});

test("masks a token except for its ends", () => {
  expect(maskToken("ct_0123456789abcdef0123456789abcdef")).toBe("ct_01…cdef");
  expect([maskToken(""), maskToken("short")]).toEqual(["", "…"]);
});
