import { z } from "zod";

/** Twice the interval must be less than the retention of the topics from which a rebuild continues (seven days). */
const HOURS_MAX = 72;
const HOURS_DEFAULT = 6;

/**
 * Time between snapshots of the window states, both for the process that takes them and for the process that monitors
 * their age.
 */
export const snapshotIntervalHours = z.coerce.number().min(0).max(HOURS_MAX).default(HOURS_DEFAULT);
