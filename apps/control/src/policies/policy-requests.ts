import { z } from "zod";
import { note, writtenText } from "../requests/request-schemas.js";

/** With its headers it fits a record of Kafka, also where every character takes three bytes of UTF-8. */
const TEXT_CHARACTERS_MAX = 300_000;
const INT_MAX = 2_147_483_647;
/** A policy that comes into force later than that is a mistake in the date. */
const AHEAD_DAYS_MAX = 366;
const DAY_MS = 86_400_000;

const text = writtenText(TEXT_CHARACTERS_MAX);

export const policyText = z.strictObject({ text });

export const draftName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, "must be 1 to 64 letters, digits, dots, hyphens or underscores");

export const draftBody = z.strictObject({
  text,
  /** Of the draft that was changed; 0 for a new one. */
  version: z.int().min(0).max(INT_MAX),
});

export const newRevision = z.union(
  [z.strictObject({ text, note }), z.strictObject({ draft: draftName, note })],
  "must have either text or draft, and may have a note",
);

export const revisionNumber = z.coerce
  .number("must be a revision number")
  .int("must be a revision number")
  .min(1, "must be a revision number")
  .max(INT_MAX, "must be a revision number");

/** The approved revision, or `none` to remove the policy. */
export const approvedRevision = z.union([z.literal("none").transform(() => null), revisionNumber]);

export const newApproval = z.strictObject({
  note,
  /** The activation may do without the guard, within a day. */
  unwatched: z.boolean().default(false),
});

const REASON_CHARACTERS_MIN = 10;

export const settings = z
  .strictObject({
    /** Of revisions of the policy. */
    needs_approval: z.boolean().optional(),
    /** Of list entries that concern many payments: BINs, countries and IP ranges. */
    lists_need_approval: z.boolean().optional(),
    /**
     * Approval is switched off after an hour, without confirmation, unless another user rejects the change. An alert
     * fires immediately.
     */
    break_glass: z.boolean().default(false),
    note,
  })
  .check(({ value, issues }) => {
    if (!value.break_glass || value.note.length >= REASON_CHARACTERS_MIN) return;
    const message = `must say why, in ${REASON_CHARACTERS_MIN} characters or more`;
    issues.push({ code: "custom", path: ["note"], message, input: value.note });
  });

export const newActivation = z.strictObject({
  /** null: the tenant no longer has its own policy. */
  revision: z.int().min(1).max(INT_MAX).nullable(),
  /** The newest activation that the caller knows; 0 if there was none. */
  after: z
    .int()
    .min(0)
    .max(INT_MAX - 1),
  at: z.iso
    .datetime({ offset: true, message: "must be a time such as 2026-11-27T18:00:00Z" })
    .transform((moment) => new Date(moment))
    .refine((moment) => moment.getTime() < Date.now() + AHEAD_DAYS_MAX * DAY_MS, "must be within a year")
    .optional(),
  /** false: a change of the outcomes is meant, and is not rolled back. It needs another user's approval. */
  watched: z.boolean().default(true),
  note,
});
