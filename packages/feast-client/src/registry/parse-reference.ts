import { FeastError } from "../feast-error.js";

export interface FeatureReference {
  readonly featureView: string;
  /** If undefined, the current version. */
  readonly version: number | undefined;
  readonly feature: string;
}

const VERSION = /^v(\d+)$/i;

/**
 * Splits `view:feature`, `view@v2:feature` or `view@latest:feature` in the same way as Feast: a suffix that is not a
 * version is part of the name.
 *
 * @throws FeastError `invalid-request`
 */
export function parseReference(reference: string): FeatureReference {
  const colon = typeof reference === "string" ? reference.indexOf(":") : -1;
  if (colon <= 0 || colon === reference.length - 1) {
    const message = `The feature reference ${JSON.stringify(reference)} must be "<feature view>:<feature>".`;
    throw new FeastError("invalid-request", message, String(reference));
  }
  return { ...parseViewName(reference.slice(0, colon)), feature: reference.slice(colon + 1) };
}

/** Splits `view` or `view@v2`. */
export function parseViewName(name: string): Omit<FeatureReference, "feature"> {
  const at = name.indexOf("@");
  if (at < 0) return { featureView: name, version: undefined };
  const suffix = name.slice(at + 1);
  if (suffix === "" || suffix.toLowerCase() === "latest") return { featureView: name.slice(0, at), version: undefined };
  const number = VERSION.exec(suffix)?.[1];
  if (number === undefined) return { featureView: name, version: undefined };
  return { featureView: name.slice(0, at), version: Number(number) };
}

/** The name of a feature in a result. */
export function resultName(view: string, version: number | undefined, feature: string, isFull: boolean): string {
  if (!isFull) return feature;
  return version === undefined ? `${view}__${feature}` : `${view}@v${version}__${feature}`;
}
