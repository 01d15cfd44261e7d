import type { ListHit } from "@tripline/contracts/generated/tripline/events/v1/events";

/** What a list does with a payment that is on it, from strictest to mildest. */
export const LIST_EFFECTS = ["deny", "watch", "allow"] as const;
export type ListEffect = (typeof LIST_EFFECTS)[number];

/** What can be on a list: what the record of a payment carries. */
export const LIST_KINDS = ["card", "bin", "device", "email", "ip", "ip_range", "terminal", "country"] as const;
export type ListKind = (typeof LIST_KINDS)[number];

export function isListEffect(text: string): text is ListEffect {
  return LIST_EFFECTS.some((effect) => effect === text);
}

export function isListKind(text: string): text is ListKind {
  return LIST_KINDS.some((kind) => kind === text);
}

/** The strictest first; of one effect in the order of kinds, then of names, so that the same entries give the same order. */
export function compareHits(left: ListHit, right: ListHit): number {
  return (
    place(LIST_EFFECTS, left.effect) - place(LIST_EFFECTS, right.effect) ||
    place(LIST_KINDS, left.kind) - place(LIST_KINDS, right.kind) ||
    (left.list < right.list ? -1 : Number(left.list > right.list))
  );
}

function place(names: readonly string[], name: string): number {
  return names.indexOf(name);
}
