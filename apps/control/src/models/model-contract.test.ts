import type { ModelContract } from "./model-contract.js";
import { whyNotPromoted, whyNotSigned } from "./model-contract.js";

const NOW_MS = Date.UTC(2026, 2, 1);
const DAY_MS = 86_400_000;
const REGISTER = "tripline models card 0123456789ab --owner … --expires …";
const SIGN = "tripline models sign 0123456789ab";
const circumstances = (isRequired: boolean) => ({ version: "0123456789ab", nowMs: NOW_MS, isRequired });

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
  ["not signed", contract({ signedBy: null }), `Nobody has signed its model card. Have it signed: ${SIGN}.`],
  [
    "expired",
    contract({ expiresAtMs: NOW_MS }),
    `Its model card expired on 2026-03-01T00:00:00.000Z. Run ${REGISTER}, and have it signed: ${SIGN}.`,
  ],
])("regression #31: says how to continue with a version whose card is %s", (_, given, sentence) => {
  for (const isRequired of [false, true]) expect(whyNotPromoted(given, circumstances(isRequired))).toBe(sentence);
});

test("a version without a card may become the champion unless cards are required", () => {
  expect(whyNotPromoted(undefined, circumstances(false))).toBeUndefined();
  expect(whyNotPromoted(undefined, circumstances(true))).toContain(`It has no model card. Run ${REGISTER}`);
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
