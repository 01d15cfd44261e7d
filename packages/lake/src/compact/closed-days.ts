const DAY_MS = 86_400_000;
/** Time for the last events of a day to arrive and to be written. */
const GRACE_MS = 3_600_000;
/**
 * Older days are compacted only on request. Object stores bill, move and delete files by their age, and a merged file is
 * a new one. Terraform moves the files of the lake to cheaper tiers after 30 days at the earliest.
 */
const DAYS_BACK_MAX = 28;

/** Whether no more events of the day are expected: it ended (UTC) an hour ago or more. Late ones do no harm. */
export function isClosed(day: string, nowMs: number): boolean {
  return Date.parse(`${day}T00:00:00Z`) + DAY_MS + GRACE_MS <= nowMs;
}

/** Whether the day is compacted without a request. */
export function isDueDay(day: string, nowMs: number): boolean {
  return isClosed(day, nowMs) && Date.parse(`${day}T00:00:00Z`) >= nowMs - (DAYS_BACK_MAX + 1) * DAY_MS;
}
