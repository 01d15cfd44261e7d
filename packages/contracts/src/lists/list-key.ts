import type { ListEntry } from "../generated/tripline/events/v1/events.js";

/** Identifies an entry of a list. */
export type ListKey = Pick<ListEntry, "tenant" | "list" | "kind" | "value">;

/** Key of an entry's record on the topic `lists`. Only the value, which comes last, may contain a `/`. */
export function writeListKey({ tenant, list, kind, value }: ListKey): string {
  return `${tenant}/${list}/${kind}/${value}`;
}

/** Undefined for any other text. */
export function readListKey(text: string): ListKey | undefined {
  const [, tenant, list, kind, value] = /^([^/]+)\/([^/]+)\/([^/]+)\/(.+)$/s.exec(text) ?? [];
  if (tenant === undefined || list === undefined || kind === undefined || value === undefined) return undefined;
  return { tenant, list, kind, value };
}
