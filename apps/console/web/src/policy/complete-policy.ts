import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { RULE_FIELDS } from "@tripline/contracts/generated/payment-fields";
import featureSpec from "../../../../../packages/contracts/feature-spec.yaml?raw";

/** Names that an expression can use in addition to features. See the top of apps/decisions/policy.yaml. */
const FIELDS: readonly (readonly [name: string, detail: string])[] = [
  ...RULE_FIELDS,
  ['attributes[""]', "an undeclared value of the payment; a comparison is false if it was not sent"],
  ["hour", "0 to 23, UTC"],
  ["day_of_week", "1 is Monday"],
  ["has_score", "whether a score is available"],
  ["by_scorecard", "whether the score comes from the scorecard"],
  ["score", "probability of fraud; the rule requires needs_score"],
  ["lists.deny.card", "on a deny list"],
  ["lists.deny.any", "on a deny list"],
  ["lists.watch.any", "on a watch list"],
  ["lists.allow.any", "on an allow list"],
  ['lists.named("").card', "on a specific list"],
];

const KEYS = [
  "id",
  "when",
  "reason",
  "action",
  "text",
  "mode",
  "percent",
  "examples",
  "needs_score",
  "overrides_score",
];
const ACTIONS = ["approve", "challenge", "review", "decline"];
const MODES = ["live", "shadow", "off"];

const FEATURES: readonly Completion[] = readFeatures(featureSpec).map(({ name, sentence }) => ({
  label: name,
  detail: sentence,
  type: "variable",
}));

const EXPRESSION: readonly Completion[] = [
  ...FEATURES,
  ...FIELDS.map(([label, detail]) => ({ label, detail, type: "property" })),
];

/**
 * Names of features with their descriptions for analysts, from the text of the feature spec. Categories are omitted,
 * because rules use their fields instead.
 */
export function readFeatures(spec: string): { name: string; sentence: string }[] {
  const entries = spec.matchAll(/\bname: (\w+)([\s\S]*?)\bsentence: "([^"]*)"/g);
  return Array.from(entries).flatMap(([, name = "", rest = "", sentence = ""]) =>
    /\bkind: category\b/.test(rest) ? [] : [{ name, sentence }],
  );
}

/** Completes features and fields in expressions and texts, and rule keys and their values elsewhere. Skips comments. */
export function completePolicy(context: CompletionContext): CompletionResult | null {
  const word = context.matchBefore(/[\w.]*/);
  if (word === null || (word.from === word.to && !context.explicit)) return null;
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  if (/(?:^|\s)#/.test(before)) return null;
  const options = (labels: readonly string[]): Completion[] => labels.map((label) => ({ label, type: "keyword" }));
  if (/^\s*(?:- )?action:\s/.test(before)) return { from: word.from, options: options(ACTIONS) };
  if (/^\s*(?:- )?mode:\s/.test(before)) return { from: word.from, options: options(MODES) };
  if (/^\s*(?:- )?\w*$/.test(before) && !isInsideText(context)) return { from: word.from, options: options(KEYS) };
  return { from: word.from, options: EXPRESSION, validFor: /^[\w.]*$/ };
}

/** Whether the line continues a text or expression from an earlier line. */
function isInsideText(context: CompletionContext): boolean {
  const { doc } = context.state;
  const { number } = doc.lineAt(context.pos);
  const before = number > 1 ? doc.line(number - 1).text : "";
  return /(?:>-?|\|-?|&&|\|\|)\s*$/.test(before);
}
