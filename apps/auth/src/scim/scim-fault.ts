import { TriplineError } from "@tripline/contracts/error-table";

/** The error types of RFC 7644, table 9, that this service uses. */
export type ScimType =
  | "invalidFilter"
  | "invalidPath"
  | "invalidSyntax"
  | "invalidValue"
  | "mutability"
  | "noTarget"
  | "uniqueness";

/** An error with the `scimType` that SCIM clients expect. */
export class ScimFault extends TriplineError {
  constructor(
    readonly scimType: ScimType,
    detail: string,
  ) {
    super(scimType === "uniqueness" ? "name-taken" : "invalid-field", detail);
  }
}
