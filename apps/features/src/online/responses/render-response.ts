import type { Lookup } from "../compile-lookup.js";

/** Feast's status of a value (`FieldStatus` in its ServingService.proto). */
export type FieldStatus = "PRESENT" | "NULL_VALUE" | "NOT_FOUND" | "OUTSIDE_MAX_AGE";

/** The result for one view: a column per feature, a value per row. */
export interface ViewColumns {
  /** The values as JSON, by feature and row. */
  readonly values: readonly (readonly string[])[];
  /** By feature and row. Features that share a status for every row share the list. */
  readonly statuses: readonly (readonly FieldStatus[])[];
  /** By row; 0 if nothing was found. */
  readonly eventTimesMs: readonly number[];
}

/**
 * The response to `POST /get-online-features` as JSON, byte-identical to that of Feast's server: join keys first, then
 * features. Built from strings, because all features of a view share statuses and times.
 *
 * @param ids by join key and row
 */
export function renderResponse(
  lookup: Lookup,
  ids: readonly (readonly string[])[],
  rows: number,
  views: readonly ViewColumns[],
): string {
  const keyTail = renderTail(new Array(rows).fill("PRESENT"), renderTimes(new Array(rows).fill(0)));
  let text = '{"results":[';
  let comma = "";
  for (const column of ids) {
    text += `${comma}{"values":${JSON.stringify(column)}${keyTail}`;
    comma = ",";
  }
  for (const { values, statuses, eventTimesMs } of views) {
    const times = renderTimes(eventTimesMs);
    let shared: readonly FieldStatus[] | undefined;
    let tail = "";
    for (let feature = 0; feature < values.length; feature += 1) {
      const own = statuses[feature] ?? [];
      if (own !== shared) tail = `]${renderTail(own, times)}`;
      shared = own;
      text += `,{"values":[${values[feature]?.join()}${tail}`;
    }
  }
  return `${text}],"metadata":${lookup.metadata}}`;
}

function renderTail(statuses: readonly FieldStatus[], times: string): string {
  return `,"statuses":["${statuses.join('","')}"],"event_timestamps":${times}}`;
}

function renderTimes(timesMs: readonly number[]): string {
  return `["${timesMs.map(renderTime).join('","')}"]`;
}

/** In protobuf's Timestamp format: without a fraction if it is 0. */
function renderTime(atMs: number): string {
  if (atMs === 0) return "1970-01-01T00:00:00Z";
  const text = new Date(atMs).toISOString();
  return atMs % 1000 === 0 ? `${text.slice(0, -".000Z".length)}Z` : text;
}
