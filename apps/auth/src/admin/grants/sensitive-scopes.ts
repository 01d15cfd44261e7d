/** Scopes that decide what others may do, how payments are decided, or who a payment is of. */
const SENSITIVE = /^(policy|personal|people):/;

/** Whether giving the scope to a client takes a second administrator where there is one. */
export const isSensitive = (scope: string): boolean => SENSITIVE.test(scope);
