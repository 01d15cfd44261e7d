import type { BatchDeciderOptions } from "../deciding/batch-decider.js";

/** Lists without entries, for what is about something else. */
export const NO_LISTS: BatchDeciderOptions["lists"] = { ready: async () => {}, hits: () => [] };
