/** Reasons for decisions without a model score that other code compares with `degraded_because`. */
export const STATES_LOST = "the window state was lost and is not rebuilt yet";

/**
 * Prefix of the reason if the policy was not evaluated for a payment. A decision replay then skips the evaluation too.
 */
export const NOT_EVALUATED = "the payment could not be evaluated: ";
export const EVALUATION_FAULT = `${NOT_EVALUATED}an internal error`;
export const EVALUATION_CRASH = `${NOT_EVALUATED}the process stopped while deciding it`;
