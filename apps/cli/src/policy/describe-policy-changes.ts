import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { PolicyFile } from "@tripline/decision-engine/policy-file";
import { readPolicyFile } from "@tripline/decision-engine/read-policy-file";

/**
 * The changes between two policy files, one line each: rules that were added, removed, changed or moved, and changes of bands,
 * default decisions and version. Ignores comments and layout.
 *
 * @throws TriplineError `policy-invalid` for an invalid file
 */
export function describePolicyChanges(before: string, after: string): string[] {
  const spec = currentFeatureSpec();
  const [old, now] = [readPolicyFile(before, spec), readPolicyFile(after, spec)];
  return [
    ...fieldChanges("", old, now, ["version"]),
    ...ruleChanges(old.rules, now.rules),
    ...fieldChanges("", old, now, ["bands", "budgets", "exploration", "default_decision"]),
  ];
}

type RuleFile = PolicyFile["rules"][number];

function ruleChanges(old: readonly RuleFile[], now: readonly RuleFile[]): string[] {
  const oldById = new Map(old.map((rule) => [rule.id, rule]));
  const nowIds = new Set(now.map(({ id }) => id));
  const removed = old.filter(({ id }) => !nowIds.has(id)).map(({ id }) => `- rule ${id}`);
  const rest = now.flatMap((rule) => {
    const was = oldById.get(rule.id);
    if (was === undefined) return [`+ rule ${rule.id}: ${rule.action} (${rule.reason}) when ${rule.when.trim()}`];
    return fieldChanges(`rule ${rule.id}: `, was, rule, Object.keys(rule) as (keyof RuleFile)[]);
  });
  const kept = (rules: readonly RuleFile[], among: ReadonlySet<string>) =>
    rules.flatMap(({ id }) => (among.has(id) ? [id] : [])).join(", ");
  const [order, newOrder] = [kept(old, nowIds), kept(now, new Set(oldById.keys()))];
  return [...removed, ...rest, ...(order === newOrder ? [] : [`~ order of rules: ${newOrder}`])];
}

function fieldChanges<T extends object>(subject: string, old: T, now: T, fields: readonly (keyof T)[]): string[] {
  return fields.flatMap((field) => {
    const [was, is] = [written(old[field]), written(now[field])];
    return was === is ? [] : [`~ ${subject}${String(field)}: ${was} -> ${is}`];
  });
}

const written = (value: unknown): string => (typeof value === "string" ? value.trim() : (JSON.stringify(value) ?? ""));
