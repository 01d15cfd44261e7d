import type { Rule } from "../policy.js";

export const SHARED_SENTENCE = "must not be used as a reason elsewhere, because this rule reads attributes";

/**
 * Rules that read attributes and share their reason code with another part of the policy. A decision replay uses the
 * code to determine whether such a rule fired, because the lake contains no readable attributes.
 *
 * @param file as parsed from YAML
 * @returns the positions of their codes in the file
 */
export function sharedReasons(file: { readonly rules: readonly unknown[] }, rules: readonly Rule[]): PropertyKey[][] {
  const readers = new Map(rules.flatMap(({ id, code, when }) => (when.readsAttributes ? [[id, code] as const] : [])));
  if (readers.size === 0) return [];
  const counts = new Map<string, number>();
  for (const code of reasonsIn(file)) counts.set(code, (counts.get(code) ?? 0) + 1);
  return file.rules.flatMap((rule, index) => {
    const code = readers.get(String(propertyOf(rule, "id")));
    return code !== undefined && (counts.get(code) ?? 0) > 1 ? [["rules", index, "reason"]] : [];
  });
}

/** Policies have only a few levels, which `PolicySource` enforces. */
function reasonsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => {
    if (name === "examples") return [];
    return name === "reason" && typeof part === "string" ? [part] : reasonsIn(part);
  });
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
