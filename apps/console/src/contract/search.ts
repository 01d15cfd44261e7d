import type { CaseRow } from "./cases.js";
import type { DecisionRow } from "./decisions.js";
import type { PersonRef } from "./people.js";

/** Maximum length of a search text. */
export const SEARCH_CHARACTERS_MAX = 200;
export const SEARCH_CHARACTERS_MIN = 2;
/** Each group has at most this many hits, newest first. */
export const SEARCH_HITS_MAX = 8;

export interface FoundEntity {
  /** `card` or a kind in `SEARCHED_FIELDS`. */
  readonly kind: string;
  readonly value: string;
  /** Null for a merchant that was found by a part of its ID. */
  readonly lastSeenMs: number | null;
}

/**
 * Response of `POST /api/search` `{ text }`. Groups that the user may not see are empty. A text finds payments by
 * Tripline's ID, the client's ID, the acquirer's reference or the amount; cases by their ID, or by the ID or card of
 * their payments; and cards, devices and other entities by their complete ID or token. A part is sufficient to find
 * users, reason codes, and the merchants that the Overview shows (at most 200).
 */
export interface SearchResult {
  readonly payments: readonly DecisionRow[];
  readonly cases: readonly CaseRow[];
  readonly entities: readonly FoundEntity[];
  readonly users: readonly PersonRef[];
  /** Reason codes, including those of rules. Each is the main reason for a payment that the Overview counts. */
  readonly reasons: readonly string[];
  /** Whether the text is a token, which only users with `personal:read` can search for. */
  readonly isTokenHidden: boolean;
}
