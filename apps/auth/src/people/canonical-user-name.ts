/** A user name as it is stored and compared. */
export const canonicalUserName = (typed: string): string => typed.trim().normalize("NFKC").toLowerCase();
