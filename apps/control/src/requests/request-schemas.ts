import { z } from "zod";

/** Text written by users. */
export const writtenText = (charactersMax: number) =>
  z.string().max(charactersMax, `must have at most ${charactersMax} characters`);

/** The reason for an action. */
export const note = writtenText(1_000).default("");

export const time = z.iso
  .datetime({ offset: true, message: "must be a time, such as 2026-12-03T14:00:00Z" })
  .transform((moment) => new Date(moment));

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

const INT_MAX = 2_147_483_647;
/** The page with the newest rows. */
export const NEWEST = { before: INT_MAX };

/** A page of a list, newest first. */
export const page = z.object({
  /** Only rows with a lower number. */
  before: z.coerce.number().int().min(1).max(INT_MAX).default(INT_MAX),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
});

export type Page = z.infer<typeof page>;
