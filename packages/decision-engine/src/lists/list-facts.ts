import type { ListHit } from "@tripline/contracts/generated/tripline/events/v1/events";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";
import { LIST_NOUNS, ListedValueFacts } from "../generated/listed-values.js";

/** The lists of a payment, for rules. `deny` covers all lists with that effect, regardless of their names. */
export class ListFacts {
  readonly deny: ListedValueFacts;
  readonly watch: ListedValueFacts;
  readonly allow: ListedValueFacts;

  constructor(private readonly hits: readonly ListHit[]) {
    const withEffect = (effect: string) => new ListedValueFacts(hits.filter((hit) => hit.effect === effect));
    this.deny = withEffect("deny");
    this.watch = withEffect("watch");
    this.allow = withEffect("allow");
  }

  /** Entries of the list with this name; a list that does not exist is empty. */
  named(list: string): ListedValueFacts {
    return new ListedValueFacts(this.hits.filter((hit) => hit.list === list));
  }
}

const ON_NO_LIST = new ListFacts([]);

export function listFacts(hits: readonly ListHit[]): ListFacts {
  return hits.length === 0 ? ON_NO_LIST : new ListFacts(hits);
}

/**
 * Placeholders in a rule's sentence: the reasons given in the payment's list entries, for one effect or for all
 * effects.
 */
export const ENTRY_PLACEHOLDERS = ["deny_entries", "watch_entries", "allow_entries", "list_entries"] as const;

/** Values of `ENTRY_PLACEHOLDERS`. */
export function entryTexts(hits: readonly ListHit[]): Record<(typeof ENTRY_PLACEHOLDERS)[number], string> {
  if (hits.length === 0) return NO_TEXTS;
  const [deny = "", watch = "", allow = ""] = LIST_EFFECTS.map((effect) =>
    textOf(hits.filter((hit) => hit.effect === effect)),
  );
  return { deny_entries: deny, watch_entries: watch, allow_entries: allow, list_entries: textOf(hits) };
}

function textOf(hits: readonly ListHit[]): string {
  return hits.length === 0 ? NO_ENTRY : hits.map(describeHit).join(" ");
}

const NO_ENTRY = "No entry was found.";
const NO_TEXTS = { deny_entries: NO_ENTRY, watch_entries: NO_ENTRY, allow_entries: NO_ENTRY, list_entries: NO_ENTRY };

/** `The card is on the list "deny" until 2026-12-03 14:00 UTC: Reported stolen.` */
function describeHit({ kind, list, reason, expiresAtMs }: ListHit): string {
  const until = expiresAtMs === undefined ? "" : ` until ${formatMinute(expiresAtMs)}`;
  return `The ${LIST_NOUNS[kind] ?? kind} is on the list "${list}"${until}: ${reason.replace(/[.\s]+$/, "")}.`;
}

function formatMinute(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
