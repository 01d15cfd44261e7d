import type { ModelContract } from "./model-contract.js";
import { whyNotPromoted, whyNotSigned } from "./model-contract.js";

const NOW_MS = Date.UTC(2026, 2, 1);
const DAY_MS = 86_400_000;

const contract = (change: Partial<ModelContract> = {}): ModelContract => ({
  owner: "Fraud models",
  expiresAtMs: NOW_MS + DAY_MS,
  registeredBy: "ann",
  registeredAtMs: NOW_MS - DAY_MS,
  signedBy: "bob",
  signedAtMs: NOW_MS,
  ...change,
});

test.each([
  ["signed", contract(), undefined],
  ["not signed", contract({ signedBy: null }), "Nobody has signed its model card."],
  ["expired", contract({ expiresAtMs: NOW_MS }), "Its model card expired on 2026-03-01T00:00:00.000Z."],
])("a version whose card is %s", (_, given, sentence) => {
  for (const isRequired of [false, true]) expect(whyNotPromoted(given, { nowMs: NOW_MS, isRequired })).toBe(sentence);
});

test("a version without a card may become the champion unless cards are required", () => {
  expect(whyNotPromoted(undefined, { nowMs: NOW_MS, isRequired: false })).toBeUndefined();
  expect(whyNotPromoted(undefined, { nowMs: NOW_MS, isRequired: true })).toBe("It has no model card.");
});

test.each([
  ["another user", "bob", false, true],
  ["the user who registered it", "ann", false, false],
  ["the same user, if retraining registered the version", "ann", true, true],
])("signed by %s", (_, user, isRetrained, isAllowed) => {
  const given = { user, isRetrained, nowMs: NOW_MS };
  expect(whyNotSigned(contract({ signedBy: null }), given) === undefined).toBe(isAllowed);
  expect(whyNotSigned(contract({ expiresAtMs: NOW_MS }), given)).toContain("expired");
});
