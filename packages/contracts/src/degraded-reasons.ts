/** Reasons why a decision was made without the model that others look for, in the words of `degraded_because`. */
export const STATES_LOST = "the window state was lost and is not rebuilt yet";
