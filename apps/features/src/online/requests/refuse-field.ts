import { TriplineError } from "@tripline/contracts/error-table";
import { maskDigits } from "@tripline/contracts/find-card-number";

const NAME_LENGTH_MAX = 64;

/** Classes of Feast's module `feast.errors` that its SDK raises for answers of ours. */
export type FeastException =
  | "EntityNotFoundException"
  | "FeastError"
  | "FeastObjectNotFoundException"
  | "FeastPermissionError"
  | "FeatureNameCollisionError"
  | "FeatureServiceNotFoundException"
  | "FeatureViewNotFoundException"
  | "PushSourceNotFoundException";

/** A field with a wrong value, and what Feast's SDK raises for it. */
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
 * One fault of one field, as an error that names it.
 *
 * @param pointer JSON pointer (RFC 6901) as `pointerTo` makes it
 * @param detail continues the sentence that begins with the pointer
 */
export function invalidField(pointer: string, detail: string, exception: FeastException = "FeastError"): FieldRefusal {
  return new FieldRefusal(pointer, detail, exception);
}

/** Names may be the caller's own text: cut short, and digits that could be a card number are masked. */
export function pointerTo(...path: readonly PropertyKey[]): string {
  return path.map((part) => `/${shown(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** A name as an error may repeat it. */
export function shown(name: PropertyKey): string {
  return maskDigits(String(name).slice(0, NAME_LENGTH_MAX));
}
