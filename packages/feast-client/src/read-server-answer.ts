import { FeastError } from "./feast-error.js";
import type { FeatureStatus, OnlineFeatureRow, OnlineFeatures, OnlineFeaturesRequest } from "./online-features.js";
import { parseReference, resultName } from "./registry/parse-reference.js";
import type { ResolvedFeature } from "./registry/resolve-features.js";
import { refuseCollisions } from "./registry/resolve-features.js";
import type { FeastValue } from "./values/value-types.js";

/** One column of a server's response: a feature, or an echoed join key. */
export interface AnswerColumn {
  readonly name: string;
  /** Number of values. */
  readonly length: number;
  value(row: number): FeastValue;
  /** If a status is undefined or unknown to this client, the response is malformed. */
  status(row: number): string | undefined;
  /** Epoch milliseconds; null if the server reports no time. */
  timestampMs(row: number): number | null;
}

const STATUSES: ReadonlySet<string> = new Set<FeatureStatus>(["PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"]);

/**
 * The columns for a request, in the order of the request and without the join keys that servers prepend.
 *
 * @throws FeastError `malformed-response` if a column is missing or has the wrong length
 */
export function readServerAnswer(
  request: OnlineFeaturesRequest,
  expectedNames: readonly string[] | undefined,
  columns: readonly AnswerColumn[],
): OnlineFeatures {
  const wanted = expectedNames === undefined ? dropJoinKeys(request, columns) : pick(expectedNames, columns);
  for (const column of wanted) {
    if (column.length !== request.entities.length) {
      const message = `The feature server returned ${column.length} values of ${column.name} for ${request.entities.length} entity rows.`;
      throw new FeastError("malformed-response", message, column.name);
    }
  }
  return {
    featureNames: wanted.map(({ name }) => name),
    rows: request.entities.map((_row, index) => readRow(wanted, index)),
  };
}

/**
 * The names in the result, if the request determines them.
 *
 * @throws FeastError `invalid-request`, `feature-name-collision`
 */
export function expectedNames(
  request: OnlineFeaturesRequest,
  resolved: readonly ResolvedFeature[] | undefined,
): string[] | undefined {
  if (resolved !== undefined) return resolved.map((feature) => feature.resultName);
  if (request.features === undefined) return undefined;
  const names = request.features.map((reference): [string, string] => {
    const { featureView, version, feature } = parseReference(reference);
    return [resultName(featureView, version, feature, request.fullFeatureNames ?? false), reference];
  });
  refuseCollisions(names);
  return names.map(([name]) => name);
}

function pick(names: readonly string[], columns: readonly AnswerColumn[]): AnswerColumn[] {
  // Join keys come first, so if two columns have the same name, the later column is the feature.
  const byName = new Map(columns.map((column) => [column.name, column]));
  return names.map((name) => {
    const column = byName.get(name);
    if (column !== undefined) return column;
    throw new FeastError("malformed-response", `The feature server's response lacks the feature ${name}.`, name);
  });
}

function dropJoinKeys(request: OnlineFeaturesRequest, columns: readonly AnswerColumn[]): AnswerColumn[] {
  const joinKeys = new Set(Object.keys(request.entities[0] ?? {}));
  let first = 0;
  while (joinKeys.delete(columns[first]?.name ?? "")) first += 1;
  return columns.slice(first);
}

function readRow(columns: readonly AnswerColumn[], row: number): OnlineFeatureRow {
  const values: FeastValue[] = [];
  const statuses: FeatureStatus[] = [];
  const eventTimestampsMs: (number | null)[] = [];
  for (const column of columns) {
    const value = column.value(row);
    const timestampMs = column.timestampMs(row);
    const status = readStatus(column, row, value, timestampMs);
    values.push(value);
    statuses.push(status);
    eventTimestampsMs.push(status === "NOT_FOUND" && timestampMs === 0 ? null : timestampMs);
  }
  return { values, statuses, eventTimestampsMs };
}

function readStatus(column: AnswerColumn, row: number, value: FeastValue, timestampMs: number | null): FeatureStatus {
  const status = column.status(row);
  if (status === undefined || !STATUSES.has(status)) {
    const message = `The feature server returned the status ${String(status)} for ${column.name} in row ${row}.`;
    throw new FeastError("malformed-response", message, column.name);
  }
  // Feast's Python server returns PRESENT for everything that it requested from a Redis store. A missing value is null
  // with time 0; a stored null has the time at which it was stored.
  if (status === "PRESENT" && value === null) return timestampMs === 0 ? "NOT_FOUND" : "NULL_VALUE";
  return status as FeatureStatus;
}
