import { TriplineError } from "@tripline/contracts/error-table";
import { maskDigits } from "@tripline/contracts/find-card-number";

const NAME_LENGTH_MAX = 64;

/** Exceptions of Feast's module `feast.errors` that its SDK raises for our errors. */
export type FeastException =
  | "EntityNotFoundException"
  | "FeastError"
  | "FeastObjectNotFoundException"
  | "FeastPermissionError"
  | "FeatureNameCollisionError"
  | "FeatureServiceNotFoundException"
  | "FeatureViewNotFoundException"
  | "PushSourceNotFoundException";

/** A field with an invalid value, and the exception that Feast's SDK raises for it. */
export class FieldRefusal extends TriplineError {
  constructor(
    pointer: string,
    detail: string,
    readonly exception: FeastException,
  ) {
    super("invalid-field", `${pointer === "" ? "The body" : pointer} ${detail}.`, [{ pointer, detail }]);
  }
}

/**
 * An error about one field.
 *
 * @param pointer JSON pointer (RFC 6901) from `pointerTo`
 * @param detail continues a sentence that starts with the pointer
 */
export function invalidField(pointer: string, detail: string, exception: FeastException = "FeastError"): FieldRefusal {
  return new FieldRefusal(pointer, detail, exception);
}

/** Names may come from the caller, so they are truncated, and digits that could be a card number are masked. */
export function pointerTo(...path: readonly PropertyKey[]): string {
  return path.map((part) => `/${shown(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** A name in a form that is safe for error messages. */
export function shown(name: PropertyKey): string {
  return maskDigits(String(name).slice(0, NAME_LENGTH_MAX));
}
