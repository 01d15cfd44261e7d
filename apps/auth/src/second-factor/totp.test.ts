import { base32, codeOf, otpauthUri, stepOf } from "./totp.js";

const SECRET = Buffer.from("12345678901234567890");

describe("codes", () => {
  // RFC 6238 appendix B, of which six digits are the last six of eight.
  test.each([
    [59, "287082"],
    [1_111_111_109, "081804"],
    [1_111_111_111, "050471"],
    [1_234_567_890, "005924"],
    [2_000_000_000, "279037"],
    [20_000_000_000, "353130"],
  ])("at %d s", (seconds, code) => {
    expect(codeOf(SECRET, Math.floor(seconds / 30))).toBe(code);
    expect(stepOf(SECRET, code, seconds * 1_000)).toBe(Math.floor(seconds / 30));
  });

  test("are taken a step early or late, and not two", () => {
    const at = (step: number): number => step * 30_000;
    const code = codeOf(SECRET, 1_000);
    expect([998, 999, 1_000, 1_001, 1_002].map((step) => stepOf(SECRET, code, at(step)))).toEqual([
      undefined,
      1_000,
      1_000,
      1_000,
      undefined,
    ]);
    expect(stepOf(SECRET, "", at(1_000))).toBeUndefined();
  });
});

// RFC 4648 section 10.
test.each([
  ["", ""],
  ["f", "MY"],
  ["fo", "MZXQ"],
  ["foo", "MZXW6"],
  ["foob", "MZXW6YQ"],
  ["fooba", "MZXW6YTB"],
  ["foobar", "MZXW6YTBOI"],
])("base32 of %j", (text, expected) => {
  expect(base32(Buffer.from(text))).toBe(expected);
});

test("the address for an app", () => {
  expect(otpauthUri(Buffer.from("foobar"), "anna@acme", "Tripline")).toBe(
    "otpauth://totp/Tripline:anna%40acme?secret=MZXW6YTBOI&issuer=Tripline&digits=6&period=30",
  );
});
