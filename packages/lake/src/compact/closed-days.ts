const DAY_MS = 86_400_000;
/** Time for the last events of a day to arrive and to be written. */
const GRACE_MS = 3_600_000;
/**
 * Older days are compacted only on request, because object stores charge for, move and delete files by age, and a
 * merged file counts as new. Terraform moves the lake's files to cheaper tiers after 30 days at the earliest.
 */
const DAYS_BACK_MAX = 28;

/**
 * Whether no more events of the day are expected because it ended (UTC) at least an hour ago. Events that arrive even
 * later do no harm.
 */
export function isClosed(day: string, nowMs: number): boolean {
  return Date.parse(`${day}T00:00:00Z`) + DAY_MS + GRACE_MS <= nowMs;
}

/** Whether the day is compacted automatically. */
export function isDueDay(day: string, nowMs: number): boolean {
  return isClosed(day, nowMs) && Date.parse(`${day}T00:00:00Z`) >= nowMs - (DAYS_BACK_MAX + 1) * DAY_MS;
}
