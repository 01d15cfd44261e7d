import { FeastError } from "../feast-error.js";
import type { AnswerColumn } from "../read-server-answer.js";
import type { ResolvedFeature } from "../registry/resolve-features.js";
import { describeValue } from "../values/check-value.js";
import type { FeastValue, ValueType } from "../values/value-types.js";
import { readJsonValue } from "./read-json-value.js";

const TIMESTAMP = /^([^.Z]+)(?:\.(\d+))?Z$/;

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The columns of the Feast server's JSON response to `/get-online-features`.
 *
 * @param resolved the requested features with their types, if a registry contains them
 * @throws FeastError `malformed-response` that names the part at fault
 */
export function readHttpAnswer(answer: unknown, resolved: readonly ResolvedFeature[] | undefined): AnswerColumn[] {
  const { metadata, results } = checkObject(answer, "the body");
  const names = checkList(checkObject(metadata, "metadata").feature_names, "metadata.feature_names");
  const vectors = checkList(results, "results");
  if (names.length !== vectors.length) {
    throw malformed("results", `has ${vectors.length} columns for ${names.length} names`);
  }
  const types = new Map(resolved?.map((feature) => [feature.resultName, feature.type]));
  return names.map((name, index) => {
    if (typeof name !== "string") throw malformed(`metadata.feature_names[${index}]`, `is ${describeValue(name)}`);
    const type = types.get(name);
    return readColumn(name, type === "UNKNOWN" ? undefined : type, checkObject(vectors[index], `results[${index}]`));
  });
}

function readColumn(name: string, type: ValueType | undefined, vector: JsonObject): AnswerColumn {
  const values = checkList(vector.values, `values of ${name}`) as readonly FeastValue[];
  const statuses = checkList(vector.statuses, `statuses of ${name}`);
  // Feast omits the timestamps if it has none.
  const times =
    vector.event_timestamps === undefined
      ? undefined
      : checkList(vector.event_timestamps, `event_timestamps of ${name}`);
  for (const list of [statuses, ...(times === undefined ? [] : [times])]) {
    if (list.length !== values.length) {
      throw malformed(name, `has ${values.length} values, but ${list.length} statuses or event timestamps`);
    }
  }
  return {
    name,
    length: values.length,
    value: (row) => readJsonValue(type, values[row] ?? null, name),
    status: (row) => (typeof statuses[row] === "string" ? statuses[row] : undefined),
    timestampMs: (row) => (times === undefined ? null : readTimestampMs(times[row], name)),
  };
}

/** RFC 3339 in UTC with up to nine decimals, as Feast writes it. */
function readTimestampMs(text: unknown, name: string): number {
  const [, seconds, fraction] = (typeof text === "string" && TIMESTAMP.exec(text)) || [];
  const ms = seconds === undefined ? Number.NaN : Date.parse(`${seconds}Z`);
  if (Number.isNaN(ms)) throw malformed(name, `has the event timestamp ${describeValue(text)}`);
  return ms + Number(`0.${fraction ?? 0}`) * 1_000;
}

function checkObject(value: unknown, field: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw malformed(field, `is ${describeValue(value)} instead of an object`);
}

function checkList(value: unknown, field: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw malformed(field, `is ${describeValue(value)} instead of a list`);
}

function malformed(field: string, what: string): FeastError {
  const message = `The feature server's response is not a valid Feast response: ${field} ${what}.`;
  return new FeastError("malformed-response", message, field);
}
