import { createHash } from "node:crypto";
import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";
import { nothingUnusual, scorecardReason } from "./decide-payment.js";
import type { DescribedPayment, FeatureWords } from "./feature-words.js";
import { formatValue } from "./format-value.js";
import { entryTexts } from "./lists/list-facts.js";

/** Values that cover every number format. */
const SAMPLES = [0, 0.004, 0.125, 1, 2.5, 44.98, 90, 7_200, 12_345, 259_200, 1_000_000];
const CURRENCIES = ["EUR", "JPY"];

/** Entries that cover every kind of wording. */
const LISTED = LIST_KINDS.flatMap((kind) =>
  LIST_EFFECTS.map((effect) => ({ list: effect, kind, effect, reason: "Lost.", createdAtMs: 0, expiresAtMs: 0 })),
);

/**
 * Digest of the wording of reasons that the policy does not define: the sentences of features, the formats of values,
 * and the engine's own reasons. 8 hex digits of SHA-256.
 */
export function wordingVersion(words: readonly (FeatureWords | undefined)[]): string {
  const payments: DescribedPayment[] = SAMPLES.flatMap((value) =>
    CURRENCIES.map((currency) => ({ currency, values: words.map(() => value) })),
  );
  // As with a real payment, longer windows contain more, so the texts include the baseline.
  payments.push({ currency: "EUR", values: words.map((_, index) => 2 + index) });
  // A payment that contains only its card.
  payments.push({ currency: "EUR", values: words.map(() => 1), transaction: { cardToken: "ct_1" } });
  const texts = words.flatMap((one) => payments.map((payment) => one?.describe(payment) ?? ""));
  const topics = words.map((one) => one?.topic ?? "");
  const amounts = SAMPLES.map((value) => formatValue(value, "minor_amount", "EUR"));
  const scores = [{ missing: "" }, ...SAMPLES.map((value) => ({ value, modelName: "", modelVersion: "" }))];
  const own = [...scores.map(nothingUnusual), scorecardReason()].map(({ text }) => text);
  return createHash("sha256")
    .update(JSON.stringify([...texts, ...topics, ...amounts, ...own, ...Object.values(entryTexts(LISTED))]))
    .digest("hex")
    .slice(0, 8);
}
