import type { ListEntry } from "../generated/tripline/events/v1/events.js";

/** Which entry of which list. */
export type ListKey = Pick<ListEntry, "tenant" | "list" | "kind" | "value">;

/** Key of an entry's record on the topic `lists`. Only the value may hold a `/`, and it stands last. */
export function writeListKey({ tenant, list, kind, value }: ListKey): string {
  return `${tenant}/${list}/${kind}/${value}`;
}

/** Undefined for a text that is not such a key. */
export function readListKey(text: string): ListKey | undefined {
  const [, tenant, list, kind, value] = /^([^/]+)\/([^/]+)\/([^/]+)\/(.+)$/s.exec(text) ?? [];
  if (tenant === undefined || list === undefined || kind === undefined || value === undefined) return undefined;
  return { tenant, list, kind, value };
}
