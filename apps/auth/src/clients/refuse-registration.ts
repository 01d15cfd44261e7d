import { TriplineError } from "@tripline/contracts/error-table";
import type { z } from "zod";

/** An `invalid-field` error that names every invalid field. @param what the rejected item, for example "The client" */
export function refuseRegistration(what: string, issues: readonly z.core.$ZodIssue[]): TriplineError {
  const fields = issues.map((issue) => ({
    pointer: issue.path.map((part) => `/${String(part)}`).join(""),
    detail: issue.message,
  }));
  return new TriplineError("invalid-field", `${what} cannot be registered: some fields are invalid.`, fields);
}
