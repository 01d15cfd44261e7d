import type { CaseRow } from "./cases.js";
import type { DecisionRow } from "./decisions.js";
import type { PersonRef } from "./people.js";

/** Maximum length of the text of a search. */
export const SEARCH_CHARACTERS_MAX = 200;
export const SEARCH_CHARACTERS_MIN = 2;
/** Each group has at most this many hits, newest first. */
export const SEARCH_HITS_MAX = 8;

export interface FoundEntity {
  /** `card` or a kind in `SEARCHED_FIELDS`. */
  readonly kind: string;
  readonly value: string;
  /** Null for a merchant that is found by a part of its ID. */
  readonly lastSeenMs: number | null;
}

/**
 * Response of `POST /api/search` `{ text }`. Groups that the user may not see are empty. Payments are found by Tripline's
 * ID, the client's ID, the acquirer's reference or their amount; cases by their ID, or those of a found payment or card;
 * cards, devices and other entities by their whole ID or token. A part is enough for users, for the at most 200 merchants
 * that the Overview shows, and for reason codes.
 */
export interface SearchResult {
  readonly payments: readonly DecisionRow[];
  readonly cases: readonly CaseRow[];
  readonly entities: readonly FoundEntity[];
  readonly users: readonly PersonRef[];
  /** Codes of reasons, also of rules, that were the main reason for a payment that the Overview counts. */
  readonly reasons: readonly string[];
  /** Whether the text is a token, which only users with `personal:read` can search for. */
  readonly isTokenHidden: boolean;
}
