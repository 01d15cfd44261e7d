import type { FeastErrorCode } from "./feast-error.js";
import { FeastError } from "./feast-error.js";

// Feast's servers describe errors only in text: over HTTP with status 500, and over gRPC with UNKNOWN for nearly all
// errors. These patterns match the messages of Feast 0.67's Python and Go servers.
const PATTERNS: readonly (readonly [RegExp, FeastErrorCode])[] = [
  [/Feature (?<feature>\S+) not found in projection (?<view>[^\s']+)/, "unknown-feature"],
  [/requested feature (?<field>\S+) can't be retrieved/, "unknown-feature"],
  [/projection for (?<view>\S+) cannot be applied because it contains (?<feature>\S+)/, "unknown-feature"],
  [/Feature view (?<field>\S+) does not exist/, "unknown-feature-view"],
  [/feature View (?<field>\S+) doesn't exist/, "unknown-feature-view"],
  [/no cached feature view (?<field>\S+) found/, "unknown-feature-view"],
  [/Feature service (?<field>\S+) does not exist/, "unknown-feature-service"],
  [/no cached feature service (?<field>\S+) found/, "unknown-feature-service"],
  [/Unable to find push source '(?<field>[^']+)'/, "unknown-push-source"],
  [/Entity (?<field>\S+) does not exist/, "unknown-entity"],
  [/Invalid entity join key\. key=(?<field>\S+)/, "unknown-entity"],
  [/Missing join key values for keys: \[[^\]]*?'(?<field>[^']+)'/, "missing-join-key"],
  [/No values provided for keys: \[[^\]]*?'(?<field>[^']+)'/, "missing-join-key"],
  [/key (?<field>\S+) is missing in provided entity rows/, "missing-join-key"],
  [/Duplicate features named (?<field>\S+) found/, "feature-name-collision"],
  [/featureNameCollisionError: (?<field>[^,;]+)/, "feature-name-collision"],
  [/unsupported proto type/, "unsupported"],
  [/not supported by the Go feature server/, "unsupported"],
  [/No transformation service configured/, "unsupported"],
];

/**
 * Converts a Feast server's message to an error with a code and, if the message names one, the field.
 *
 * @param message of the server
 * @param otherwise the code if no pattern matches the message
 */
export function explainServerMessage(message: string, otherwise: FeastErrorCode, cause?: unknown): FeastError {
  const options = cause === undefined ? undefined : { cause };
  for (const [pattern, code] of PATTERNS) {
    const match = pattern.exec(message);
    if (match === null) continue;
    const { field, view, feature } = match.groups ?? {};
    const named = field ?? (view === undefined ? undefined : `${view}:${feature}`);
    return new FeastError(code, `Feast responded: ${message}`, named, options);
  }
  return new FeastError(otherwise, `Feast responded: ${message}`, undefined, options);
}
