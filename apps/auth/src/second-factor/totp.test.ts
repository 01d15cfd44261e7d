import { base32, otpauthUri, stepOf } from "./totp.js";

const SECRET = Buffer.from("12345678901234567890");

describe("TOTP codes", () => {
  // RFC 6238 appendix B. Six-digit codes are the last six of its eight digits.
  test.each([
    [59, "287082"],
    [1_111_111_109, "081804"],
    [1_111_111_111, "050471"],
    [1_234_567_890, "005924"],
    [2_000_000_000, "279037"],
    [20_000_000_000, "353130"],
  ])("match RFC 6238 at %d s", (seconds, code) => {
    expect(stepOf(SECRET, code, seconds * 1_000)).toBe(Math.floor(seconds / 30));
  });

  test("are valid one step early or late, but not two steps", () => {
    const at = (step: number): number => step * 30_000;
    const found = [-1, 0, 1, 2, 3].map((step) => stepOf(SECRET, "287082", at(step)));
    expect(found).toEqual([undefined, 1, 1, 1, undefined]);
    for (const wrong of ["", "28708", "2870820", "287083"]) expect(stepOf(SECRET, wrong, at(1))).toBeUndefined();
  });
});

test("encodes the secret for authenticator apps", () => {
  // RFC 4648 section 10.
  expect(base32(Buffer.from("foobar"))).toBe("MZXW6YTBOI");
  expect(otpauthUri(Buffer.from("foobar"), "anna@acme", "Tripline")).toBe(
    "otpauth://totp/Tripline:anna%40acme?issuer=Tripline&secret=MZXW6YTBOI&algorithm=SHA1&digits=6&period=30",
  );
});
