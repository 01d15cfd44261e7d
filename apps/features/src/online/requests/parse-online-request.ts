import { z } from "zod";
import type { Selection } from "../compile-lookup.js";
import { FEATURES_MAX, ROWS_MAX } from "./limits.js";
import { checkShape, parseBody } from "./parse-body.js";
import { parseTimestamp, TIMESTAMP_SHAPE } from "./parse-timestamp.js";
import { invalidField, pointerTo } from "./refuse-field.js";

/** The entities and features to read. */
export interface OnlineRequest {
  readonly selection: Selection;
  readonly rows: number;
  /** Ids of each join key of the selection, one per row. */
  readonly ids: readonly (readonly string[])[];
  /** The time for which each row is requested, in milliseconds; undefined for now. */
  readonly asOfMs: readonly number[] | undefined;
}

/** A column of the entities with the time for which a row is requested; not a join key. Feast's server ignores it. */
export const AS_OF_COLUMN = "event_timestamp";

/** Feast's `GetOnlineFeaturesRequest`. Ignores unknown members, as Feast does. */
const onlineRequest = z.object({
  features: z.array(z.string()).max(FEATURES_MAX).default([]),
  feature_service: z.string().nullish(),
  entities: z.record(z.string(), z.array(z.unknown())),
  full_feature_names: z.boolean().default(false),
  include_feature_view_version_metadata: z.boolean().default(false),
});

/**
 * Parses the body of `POST /get-online-features`.
 *
 * @throws TriplineError `malformed-json`, `invalid-field`
 */
export function parseOnlineRequest(bytes: Buffer, joinKeys: ReadonlySet<string>): OnlineRequest {
  const body = checkShape(onlineRequest, parseBody(bytes));
  const columns = Object.entries(body.entities);
  const rows = countRows(columns);
  const named: string[] = [];
  const ids: (readonly string[])[] = [];
  let asOfMs: number[] | undefined;
  for (const [name, values] of columns) {
    if (name === AS_OF_COLUMN) {
      asOfMs = values.map(parseAsOf);
    } else if (joinKeys.has(name)) {
      named.push(name);
      ids.push(checkIds(name, values));
    } else {
      const detail = `is not a join key; choose from ${[...joinKeys].join(", ")}`;
      throw invalidField(pointerTo("entities", name), detail, "EntityNotFoundException");
    }
  }
  const selection = {
    features: body.features,
    // In Feast, an empty name means none.
    service: body.feature_service || undefined,
    fullNames: body.full_feature_names,
    viewMetadata: body.include_feature_view_version_metadata,
    joinKeys: named,
  };
  return { selection, rows, ids, asOfMs };
}

/** @returns the number of rows, which must be the same for all columns */
export function countRows(columns: readonly (readonly [string, readonly unknown[]])[], member = "entities"): number {
  const [first] = columns;
  if (first === undefined) throw invalidField(pointerTo(member), "is empty; send a list of values for each column");
  const rows = first[1].length;
  for (const [name, values] of columns) {
    if (values.length === rows) continue;
    const other = `${pointerTo(member, first[0])} has ${rows}`;
    throw invalidField(
      pointerTo(member, name),
      `has ${values.length} values, but ${other}; all lists must have the same length`,
    );
  }
  if (rows === 0) throw invalidField(pointerTo(member, first[0]), "is empty; send at least one value");
  if (rows > ROWS_MAX) throw invalidField(pointerTo(member), `has ${rows} rows; send at most ${ROWS_MAX} per request`);
  return rows;
}

function checkIds(name: string, values: readonly unknown[]): readonly string[] {
  if (values.every((value) => typeof value === "string")) return values;
  const wrong = values.findIndex((value) => typeof value !== "string");
  throw invalidField(pointerTo("entities", name, wrong), "must be a string");
}

function parseAsOf(value: unknown, row: number): number {
  const atMs = parseTimestamp(value);
  if (atMs === undefined) throw invalidField(pointerTo("entities", AS_OF_COLUMN, row), `must be ${TIMESTAMP_SHAPE}`);
  return atMs;
}
