import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import type { ListHit } from "@tripline/contracts/generated/tripline/events/v1/events";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";

/**
 * The strictest first; entries with the same effect are sorted by kind, then by name, so that the order is
 * deterministic.
 */
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
