import { SEARCH_CHARACTERS_MAX } from "#contract/search";
import { plural } from "./plural.js";

export const text = {
  title: "Search",
  label: "Search for",
  hint: "An ID, a token, an amount such as 296.90 EUR, a merchant, a user or a reason code.",
  tooLong: `Search for at most ${SEARCH_CHARACTERS_MAX} characters.`,
  none: "Nothing found",
  noneDetail:
    "IDs and tokens must be complete, except the IDs of cases and of merchants in the Overview. You can find users by name, and reason codes that were the main reason for a payment's decision.",
  hidden: "You need permission to view personal data to search for tokens.",
  found: (count: number) => plural(count, "result", "results"),
  hits: "Results",
  groups: {
    payments: "Payments",
    cases: "Cases",
    entities: "Cards, merchants and devices",
    users: "Users",
    reasons: "Reasons and rules",
  },
  casesOf: "Cases assigned to this user",
  casesWith: "Cases with this reason",
  lastSeen: (when: string) => `Last payment ${when}`,
} as const;
