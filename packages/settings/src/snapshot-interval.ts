import { z } from "zod";

/** Twice the interval has to fit into the retention of the topics from which a rebuild continues (seven days). */
const HOURS_MAX = 72;
const HOURS_DEFAULT = 6;

/** Time between snapshots of the window states, for the process that takes them and the one that watches their age. */
export const snapshotIntervalHours = z.coerce.number().min(0).max(HOURS_MAX).default(HOURS_DEFAULT);
