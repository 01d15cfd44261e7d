import { BROAD_KINDS, LIST_KINDS, LIST_VALUES } from "@tripline/contracts/generated/payment-fields";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";
import { z } from "zod";
import { time } from "../requests/request-schemas.js";

/** Maximum per request. With reasons of normal length, they fit in a request body. */
const ENTRIES_MAX = 1_000;
const REASON_CHARACTERS_MAX = 200;
const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;

/** The list for cards with confirmed fraud. */
export const FRAUD_LIST = "confirmed-fraud";

const kind = z.enum(LIST_KINDS, `must be one of ${LIST_KINDS.join(", ")}`);

const value = z.string().max(128, "must have at most 128 characters");

const reason = z
  .string()
  .trim()
  .min(1, "must state a reason")
  .max(REASON_CHARACTERS_MAX, `must have at most ${REASON_CHARACTERS_MAX} characters`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: tools that read the OpenAPI document know no \p
  .regex(/^[^\x00-\x1f\x7f-\x9f]*$/u, "must be one line of text");

const expiresAt = time.refine((moment) => moment.getTime() > Date.now(), "must be in the future");

const entry = z
  .strictObject({ kind, value, reason, expires_at: expiresAt.nullable().default(null) })
  .check(({ value: { kind: of, value: text }, issues }) => {
    const [isValid, what] = LIST_VALUES[of];
    if (!isValid(text)) issues.push({ code: "custom", path: ["value"], message: `must be ${what}`, input: of });
  });

export type NewEntry = z.infer<typeof entry>;

/** Entries for a preview. */
export const previewed = z.strictObject({
  entries: z
    .array(
      z
        .strictObject({ kind: z.enum(BROAD_KINDS, `must be one of ${BROAD_KINDS.join(", ")}`), value })
        .check(({ value: { kind: of, value: text }, issues }) => {
          const [isValid, what] = LIST_VALUES[of];
          if (!isValid(text)) issues.push({ code: "custom", path: ["value"], message: `must be ${what}`, input: of });
        }),
    )
    .min(1, "must have at least one entry")
    .max(ENTRIES_MAX, `must have at most ${ENTRIES_MAX} entries`),
});

/** Entries in a request that waits for another user. */
export const confirmedEntries = z.object({
  list: z.string(),
  entries: z.array(
    z.object({
      kind,
      value: z.string(),
      reason: z.string(),
      expires_at: z
        .string()
        .nullable()
        .transform((text) => (text === null ? null : new Date(text))),
    }),
  ),
});

const effect = z.enum(LIST_EFFECTS, `must be one of ${LIST_EFFECTS.join(", ")}`).optional();

/** Entries for one list. `effect` is required with the first entries of a custom list. */
export const newEntries = z.strictObject({
  effect,
  entries: z
    .array(entry, "must be a list of entries")
    .min(1, "must have at least one entry")
    .max(ENTRIES_MAX, `must have at most ${ENTRIES_MAX} entries; send the remaining entries in another request`)
    .check(({ value: entries, issues }) => {
      const places = new Map<string, number>();
      entries.forEach((one, index) => {
        const key = `${one.kind}/${one.value}`;
        const first = places.get(key);
        if (first === undefined) places.set(key, index);
        else {
          const message = `has the same value as entry ${first}`;
          issues.push({ code: "custom", path: [index, "value"], message, input: index });
        }
      });
    }),
});

export const listName = z.object({
  list: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, "must be 1 to 32 lower-case letters, digits and hyphens, and start with a letter"),
});

/** Read by `managedBy`. */
const tenant = z.string().optional();

export const entryKey = z.strictObject({ tenant, kind, value });

/** Cursor of a search: the last entry of the previous page. */
const cursor = z
  .string()
  .regex(/^[^/]+\/[^/]+\/.+$/, "must be the value of `next` in an earlier response")
  .transform((text) => {
    const [list = "", of = "", ...rest] = text.split("/");
    return { list, kind: of, value: rest.join("/") };
  });

export const search = z.strictObject({
  tenant,
  list: listName.shape.list.optional(),
  kind: kind.optional(),
  value: value.optional(),
  author: z.string().max(256).optional(),
  after: cursor.optional(),
  limit: z.coerce.number("must be a number").int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
});

export type Search = z.infer<typeof search>;
