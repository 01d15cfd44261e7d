import type { Decision, SkippedRule } from "@tripline/contracts/generated/tripline/events/v1/events";

export type AttributeValue = string | number | boolean;

/** By name. */
export type AttributeValues = ReadonlyMap<string, AttributeValue>;

/** Limits of a payment's attributes, which ingestion checks. Lengths are in characters. */
export const ATTRIBUTES_MAX = 32;
export const ATTRIBUTE_TEXT_MAX = 256;

/** Codes of `SkippedRule.why` for a rule that reads attributes. Unavailable: their key has expired or was lost. */
export const ATTRIBUTES_UNAVAILABLE = "attributes-unavailable";
/** Only in backtests, and in replays with another policy, because the lake contains no readable attributes. */
export const ATTRIBUTES_NOT_KEPT = "attributes-not-kept";

/** The information about attributes that is available to rules. */
export type SentAttributes =
  | { readonly values: AttributeValues }
  | { readonly missing: typeof ATTRIBUTES_UNAVAILABLE | typeof ATTRIBUTES_NOT_KEPT }
  | { readonly recorded: RecordedRules };

/** The results of rules in an archived decision of the same policy. */
export interface RecordedRules {
  /** Reason codes. A rule that reads attributes must not share its code with another part of the policy. */
  readonly codes: ReadonlySet<string>;
  /** Ids of the shadow rules that fired. */
  readonly shadowRules: ReadonlySet<string>;
  readonly skipped: readonly SkippedRule[];
  /** Why the decision was made below the model's fallback level. */
  readonly failure: string;
}

export function recordedRules({ reasons, shadowHits, skippedRules, degradedBecause }: Decision): RecordedRules {
  return {
    codes: new Set(reasons.map(({ code }) => code)),
    shadowRules: new Set(shadowHits.map(({ ruleId }) => ruleId)),
    skipped: skippedRules,
    failure: degradedBecause,
  };
}

/** Parses the JSON that ingestion sealed. Undefined for invalid JSON. */
export function parseAttributes(json: string): AttributeValues | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const entries: [string, unknown][] = Object.entries(parsed);
    return entries.every(isAttribute) ? new Map(entries) : undefined;
  } catch {
    return undefined;
  }
}

function isAttribute(entry: [string, unknown]): entry is [string, AttributeValue] {
  return ["string", "number", "boolean"].includes(typeof entry[1]);
}
