import { z } from "zod";
import { page } from "../requests/request-schemas.js";

const LOG_PAGE_MAX = 1_000;
const words = z.string().max(256).optional();

/** A search, newest entries first. */
export const search = page.extend({ actor: words, action: words, subject: words });

/** Entries for verification, oldest first. */
export const logPage = z.object({
  /** Only entries with a higher number. */
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(LOG_PAGE_MAX).default(LOG_PAGE_MAX),
});
