import { TriplineError } from "@tripline/contracts/error-table";

/** A row of a profile view. */
export interface ProfileRow {
  /** The time for which the values are valid, in milliseconds. */
  readonly eventTimeMs: number;
  /** Values as JSON: numbers and null. */
  readonly values: ReadonlyMap<string, string>;
}

/*
 * Layout: version, time in milliseconds with 16 digits, then `name=value` separated by semicolons. Sorting rows by
 * their first 17 characters sorts them by time.
 */
const VERSION = "1";
const TIME_DIGITS = 16;
/** Number of characters that determine the order of rows. */
export const ROW_HEAD_LENGTH = VERSION.length + TIME_DIGITS;

/** @param values JSON by column, in any order; names contain neither `=` nor `;` */
export function encodeRow(eventTimeMs: number, values: Iterable<readonly [string, string]>): string {
  const pairs = Array.from(values, ([name, text]) => `${name}=${text}`);
  return `${VERSION}${String(eventTimeMs).padStart(TIME_DIGITS, "0")}${pairs.join(";")}`;
}

/** @throws TriplineError `state-unreadable` */
export function decodeRow(bytes: Buffer): ProfileRow {
  const text = bytes.toString("utf8");
  const eventTimeMs = Number(text.slice(VERSION.length, ROW_HEAD_LENGTH));
  if (!text.startsWith(VERSION) || text.length < ROW_HEAD_LENGTH || !Number.isSafeInteger(eventTimeMs)) {
    throw new TriplineError("state-unreadable", "A stored profile row is truncated, or has an unsupported version.");
  }
  const pairs = text.slice(ROW_HEAD_LENGTH).split(";");
  return {
    eventTimeMs,
    values: new Map(
      pairs.map((pair) => {
        const equals = pair.indexOf("=");
        return [pair.slice(0, equals), pair.slice(equals + 1)];
      }),
    ),
  };
}
