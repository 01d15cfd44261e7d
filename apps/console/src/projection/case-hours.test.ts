import { caseHours } from "./case-hours.js";

test.each([
  ["24", "acme", "review", 24],
  ["24,review=8", "acme", "review", 8],
  ["24,review=8", "acme", "challenge", 24],
  ["24,review=8,acme/*=4", "acme", "review", 4],
  ["24,review=8,acme/*=4", "other", "review", 8],
  ["acme/*=4, acme/review=1", "acme", "review", 1],
  ["review=8", "acme", "challenge", 24],
] as const)("%s: a case of the tenant %s with the outcome %s is due after %d h", (text, tenant, outcome, hours) => {
  expect(caseHours.parse(text)(tenant, outcome)).toBe(hours);
});

test("by default, a case is due after a day", () => {
  expect(caseHours.parse(undefined)("acme", "review")).toBe(24);
});

test.each(["", "0", "721", "24,48", "review=", "later=5", "acme=5", "a/b/review=5", "review=8,review=9", "-1", "1.5"])(
  "rejects %j and names the invalid part",
  (text) => {
    expect(caseHours.safeParse(text).error?.issues[0]?.message).toMatch(
      /must be hours from 1 to 720, .*: .* is invalid$/,
    );
  },
);
