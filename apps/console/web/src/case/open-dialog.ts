/** The open dialog of a case. */
export type OpenDialog = "fraud" | "genuine" | "snooze" | "escalate" | undefined;
