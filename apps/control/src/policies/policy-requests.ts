import { z } from "zod";
import { note, writtenText } from "../requests/request-schemas.js";

/** Fits in a Kafka record with its headers, even if every character takes three bytes in UTF-8. */
const TEXT_CHARACTERS_MAX = 300_000;
const INT_MAX = 2_147_483_647;
/** An activation further in the future is probably a mistake. */
const AHEAD_DAYS_MAX = 366;
const DAY_MS = 86_400_000;

const text = writtenText(TEXT_CHARACTERS_MAX);

export const policyText = z.strictObject({ text });

export const draftName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, "must be 1 to 64 letters, digits, dots, hyphens or underscores");

export const draftBody = z.strictObject({
  text,
  /** Version of the draft that was edited; 0 for a new one. */
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
  /** Whether this approves an activation without the guard, within a day. */
  unwatched: z.boolean().default(false),
});

const REASON_CHARACTERS_MIN = 10;

export const settings = z
  .strictObject({
    /** Whether revisions of the policy need approval. */
    needs_approval: z.boolean().optional(),
    /** Whether list entries that affect many payments need approval: BINs, countries and IP ranges. */
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
    const message = `must be a reason of at least ${REASON_CHARACTERS_MIN} characters`;
    issues.push({ code: "custom", path: ["note"], message, input: value.note });
  });

export const newActivation = z.strictObject({
  /** Null to remove the tenant's own policy. */
  revision: z.int().min(1).max(INT_MAX).nullable(),
  /** The newest activation that the caller knows; 0 if there was none. */
  after: z
    .int()
    .min(0)
    .max(INT_MAX - 1),
  at: z.iso
    .datetime({ offset: true, message: "must be a time, such as 2026-11-27T18:00:00Z" })
    .transform((moment) => new Date(moment))
    .refine((moment) => moment.getTime() < Date.now() + AHEAD_DAYS_MAX * DAY_MS, "must be within a year from now")
    .optional(),
  /** False if the change of outcomes is intended and must not be rolled back. Requires another user's approval. */
  watched: z.boolean().default(true),
  note,
});
