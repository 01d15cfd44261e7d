/** Reasons why a decision was made without the model that others look for, in the words of `degraded_because`. */
export const STATES_LOST = "the window state was lost and is not rebuilt yet";

/** How the reason begins where the policy was not evaluated for a payment, so that a replay does not evaluate it either. */
export const NOT_EVALUATED = "the payment could not be evaluated: ";
export const EVALUATION_FAULT = `${NOT_EVALUATED}an internal error`;
export const EVALUATION_CRASH = `${NOT_EVALUATED}the process stopped while deciding it`;
