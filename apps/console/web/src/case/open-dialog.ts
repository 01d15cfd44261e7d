/** Which dialog of a case is open. */
export type OpenDialog = "fraud" | "genuine" | "snooze" | "escalate" | undefined;
