import type { ASTNode } from "@marcbachmann/cel-js";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Band, ReadFeature, Rule } from "./policy.js";

/** The features that conditions and sentences read. A name bound by a macro such as `all` also counts as read. */
export function readFeatures(
  { features }: FeatureSpec,
  rules: readonly Rule[],
  bands: readonly Band[],
): readonly ReadFeature[] {
  const conditions = rules.flatMap(({ when }) => namesIn(when.ast));
  const sentences = [...rules, ...bands].flatMap(({ text }) => text.names);
  const read = new Set([...conditions, ...sentences]);
  return features.flatMap(({ name }, index) => (read.has(name) ? [{ name, index }] : []));
}

function namesIn(part: unknown): string[] {
  if (Array.isArray(part)) return part.flatMap(namesIn);
  if (typeof part !== "object" || part === null || !("op" in part)) return [];
  const { op, args } = part as ASTNode;
  return op === "id" ? [args] : namesIn(args);
}
