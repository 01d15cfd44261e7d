import type { ListHit } from "@tripline/contracts/generated/tripline/events/v1/events";

/** What a list does with a payment that is on it, from strictest to mildest. */
export const LIST_EFFECTS = ["deny", "watch", "allow"] as const;
export type ListEffect = (typeof LIST_EFFECTS)[number];

/** What can be on a list: what the record of a payment carries. */
export const LIST_KINDS = ["card", "device", "ip", "terminal"] as const;
export type ListKind = (typeof LIST_KINDS)[number];

/**
 * Kinds that the list table holds. A range of addresses is found by the address itself, of which a payment carries a token
 * only: no rule can name `ip_range` before it does.
 */
export const TABLE_KINDS = [...LIST_KINDS, "ip_range"] as const;
export type TableKind = (typeof TABLE_KINDS)[number];

export function isListEffect(text: string): text is ListEffect {
  return LIST_EFFECTS.some((effect) => effect === text);
}

export function isTableKind(text: string): text is TableKind {
  return TABLE_KINDS.some((kind) => kind === text);
}

/** The strictest first; of one effect in the order of kinds, then of names, so that the same entries give the same order. */
export function compareHits(left: ListHit, right: ListHit): number {
  return (
    place(LIST_EFFECTS, left.effect) - place(LIST_EFFECTS, right.effect) ||
    place(TABLE_KINDS, left.kind) - place(TABLE_KINDS, right.kind) ||
    (left.list < right.list ? -1 : Number(left.list > right.list))
  );
}

function place(names: readonly string[], name: string): number {
  return names.indexOf(name);
}
