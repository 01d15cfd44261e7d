import { z } from "zod";

/** A text that people write. */
export const writtenText = (charactersMax: number) =>
  z.string().max(charactersMax, `must have at most ${charactersMax} characters`);

/** Why somebody does something. */
export const note = writtenText(1_000).default("");

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

const INT_MAX = 2_147_483_647;
/** Where a list begins. */
export const NEWEST = { before: INT_MAX };

/** Where a list goes on, newest first. */
export const page = z.object({
  /** Only what has a lower number. */
  before: z.coerce.number().int().min(1).max(INT_MAX).default(INT_MAX),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
});

export type Page = z.infer<typeof page>;
