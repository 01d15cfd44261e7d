import { TriplineError } from "@tripline/contracts/error-table";
import { isVersion, nameSchema } from "./model-manifest.js";

/** Names become paths, so invalid names must be rejected. @throws TriplineError `invalid-field` */
export function checkName(text: string, what: "name" | "alias"): void {
  const result = nameSchema.safeParse(text);
  if (result.success) return;
  throw new TriplineError("invalid-field", `"${text}" is not a model ${what}: it ${result.error.issues[0]?.message}.`);
}

/** @throws TriplineError `invalid-field` for an invalid alias or version */
export function checkMove(alias: string, version: string): void {
  checkName(alias, "alias");
  if (isVersion(alias)) {
    throw new TriplineError("invalid-field", `"${alias}" looks like a version and cannot be an alias.`);
  }
  if (!isVersion(version)) {
    throw new TriplineError("invalid-field", `"${version}" is not a valid version: it must be 12 hexadecimal digits.`);
  }
}

/** Maximum number of names in a sentence. */
const NAMES_LISTED_MAX = 10;

/** A sentence that lists the existing names. */
export function known(what: string, names: readonly string[]): string {
  if (names.length === 0) return "None exist so far.";
  const more = names.length > NAMES_LISTED_MAX ? `, and ${names.length - NAMES_LISTED_MAX} more` : "";
  return `${what} are ${names.slice(0, NAMES_LISTED_MAX).join(", ")}${more}.`;
}
