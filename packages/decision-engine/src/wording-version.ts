import { createHash } from "node:crypto";
import { nothingUnusual, scorecardReason } from "./decide-payment.js";
import { entryTexts } from "./lists/list-facts.js";
import { LIST_EFFECTS, TABLE_KINDS } from "./lists/list-kinds.js";
import type { Template } from "./render-text.js";
import { renderText } from "./render-text.js";

/** Values of which each is written in another way. */
const SAMPLES = [0, 0.004, 0.125, 1, 2.5, 44.98, 90, 7_200, 259_200, 1_000_000];

/** Entries of which each is written in another way. */
const LISTED = TABLE_KINDS.flatMap((kind) =>
  LIST_EFFECTS.map((effect) => ({ list: effect, kind, effect, reason: "Lost.", createdAtMs: 0, expiresAtMs: 0 })),
);

/**
 * Digest of the words of reasons that are not the policy's own: the sentences of features, how values are written in
 * them, and the reasons that the engine gives by itself. 8 hex digits of SHA-256.
 *
 * @param names of the features, in the order of `sentences`
 */
export function wordingVersion(names: readonly string[], sentences: readonly (Template | undefined)[]): string {
  const texts = names.flatMap((name, index) => {
    const sentence = sentences[index];
    if (sentence === undefined) return [];
    const template = { literals: sentence.literals, names: sentence.names.map(() => name) };
    return SAMPLES.map((value) => renderText(template, { [name]: value }));
  });
  const scores = [{ missing: "" }, ...SAMPLES.map((value) => ({ value, modelName: "", modelVersion: "" }))];
  const own = [...scores.map(nothingUnusual), scorecardReason()].map(({ text }) => text);
  return createHash("sha256")
    .update(JSON.stringify([...texts, ...own, ...Object.values(entryTexts(LISTED))]))
    .digest("hex")
    .slice(0, 8);
}
