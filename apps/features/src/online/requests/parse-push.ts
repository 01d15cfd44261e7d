import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { z } from "zod";
import { isFeatureName } from "../compile-lookup.js";
import type { FeatureView, FeatureViews, ProfileView } from "../feature-views.js";
import { encodeRow } from "../profiles/profile-row.js";
import type { ProfilePush } from "../profiles/profile-store.js";
import { formatDouble } from "../responses/format-double.js";
import { ID_LENGTH_MAX, PROFILE_COLUMNS_MAX } from "./limits.js";
import { checkShape, JsonNumber, parseBody } from "./parse-body.js";
import { countRows } from "./parse-online-request.js";
import { parseTimestamp, TIMESTAMP_SHAPE } from "./parse-timestamp.js";
import { invalidField, pointerTo, shown } from "./refuse-field.js";

const EVENT_TIMESTAMP = "event_timestamp";
/**
 * The time at which Feast created a row. Ignored, because the first of several rows with the same event time is kept.
 */
const CREATED = "created";
const INT64_MAX = 2n ** 63n - 1n;

const dataFrame = z.record(z.string(), z.array(z.unknown()));

/** Feast's `PushFeaturesRequest`, without the members about Feast's registry. */
const pushRequest = z.object({ push_source_name: z.string(), df: dataFrame, to: z.string().default("online") });

/** Feast's `WriteToFeatureStoreRequest`, which the SDK's remote online store sends. */
const writeRequest = z.object({ feature_view_name: z.string(), df: dataFrame });

/**
 * Parses the body of `POST /push`.
 *
 * @throws TriplineError `malformed-json`, `invalid-field`
 */
export function parsePush(bytes: Buffer, { views }: FeatureViews): ProfilePush {
  const body = checkShape(pushRequest, parseBody(bytes, true));
  const all = [...views.values()];
  const view = all.find((candidate) => sourceOf(candidate) === body.push_source_name);
  if (view === undefined) {
    const sources = all.flatMap((candidate) => (candidate.kind === "profile" ? candidate.pushSource : []));
    const detail = `"${shown(body.push_source_name)}" does not exist; choose from ${sources.join(", ")}`;
    throw invalidField("/push_source_name", detail, "PushSourceNotFoundException");
  }
  if (body.to !== "online") {
    throw invalidField(
      "/to",
      'must be "online": Tripline\'s offline store is its archive, which does not accept pushes',
    );
  }
  return parseRows(requireProfile(view, "/push_source_name"), body.df);
}

/**
 * Parses the body of `POST /write-to-online-store`.
 *
 * @throws TriplineError `malformed-json`, `invalid-field`
 */
export function parseWrite(bytes: Buffer, { views }: FeatureViews): ProfilePush {
  const body = checkShape(writeRequest, parseBody(bytes, true));
  const view = views.get(body.feature_view_name);
  if (view === undefined) {
    const detail = `"${shown(body.feature_view_name)}" does not exist; choose from ${[...views.keys()].join(", ")}`;
    throw invalidField("/feature_view_name", detail, "FeatureViewNotFoundException");
  }
  return parseRows(requireProfile(view, "/feature_view_name"), body.df);
}

function sourceOf(view: FeatureView): string {
  return view.kind === "profile" ? view.pushSource : `${view.name}_push`;
}

function requireProfile(view: FeatureView, pointer: string): ProfileView {
  if (view.kind === "profile") return view;
  const why = "is computed from payments and labels, so it cannot be pushed; send payments and labels to ingestion";
  throw invalidField(pointer, `selects ${view.name}, which ${why}`);
}

type DataFrame = z.infer<typeof dataFrame>;

function parseRows(view: ProfileView, df: DataFrame): ProfilePush {
  const rows = countRows(Object.entries(df), "df");
  const ids = columnOf(df, view.joinKey).map((value, row) => checkId(value, pointerTo("df", view.joinKey, row)));
  const times = columnOf(df, EVENT_TIMESTAMP).map((value, row) => {
    const atMs = parseTimestamp(value);
    if (atMs === undefined) throw invalidField(pointerTo("df", EVENT_TIMESTAMP, row), `must be ${TIMESTAMP_SHAPE}`);
    return atMs;
  });
  const columns = Object.keys(df).filter((name) => ![view.joinKey, EVENT_TIMESTAMP, CREATED].includes(name));
  if (columns.length === 0)
    throw invalidField("/df", `must have a column in addition to ${view.joinKey} and ${EVENT_TIMESTAMP}`);
  if (columns.length > PROFILE_COLUMNS_MAX) {
    throw invalidField("/df", `has ${columns.length} features; a profile can have at most ${PROFILE_COLUMNS_MAX}`);
  }
  const texts = columns.map((name) => formatColumn(name, df[name] ?? []));
  return {
    view,
    columns,
    rows: Array.from({ length: rows }, (_, row) => ({
      id: ids[row] ?? "",
      row: encodeRow(
        times[row] ?? 0,
        columns.map((name, column) => [name, texts[column]?.[row] ?? "null"]),
      ),
    })),
  };
}

function columnOf(df: DataFrame, name: string): readonly unknown[] {
  const values = df[name];
  if (values === undefined) throw invalidField("/df", `must have the column ${name}`);
  return values;
}

function checkId(value: unknown, pointer: string): string {
  if (typeof value !== "string" || value.length === 0 || value.length > ID_LENGTH_MAX) {
    throw invalidField(pointer, `must be a string of 1 to ${ID_LENGTH_MAX} characters`);
  }
  // The ID becomes part of a Redis key, unencrypted.
  if (holdsCardNumber(value)) throw invalidField(pointer, "must not contain a card number");
  return value;
}

/** Formats a column as JSON. As in a data frame, it is an integer column if every number is written as an integer. */
function formatColumn(name: string, values: readonly unknown[]): string[] {
  if (!isFeatureName(name)) throw invalidField(pointerTo("df", name), "is not a valid name; use letters, digits and _");
  const numbers = values.map((value, row) => {
    if (value === null) return undefined;
    if (value instanceof JsonNumber && Number.isFinite(value.value)) return value;
    throw invalidField(pointerTo("df", name, row), "must be a finite number or null");
  });
  const integers = numbers.every((number) => number === undefined || /^-?\d+$/.test(number.text));
  return numbers.map((number, row) => {
    if (number === undefined) return "null";
    return integers ? formatInteger(number, pointerTo("df", name, row)) : formatDouble(number.value);
  });
}

function formatInteger({ text }: JsonNumber, pointer: string): string {
  // Longer strings are out of range and slow to convert.
  const integer = text.length > 20 ? undefined : BigInt(text);
  if (integer !== undefined && integer <= INT64_MAX && integer >= -INT64_MAX - 1n) return String(integer);
  throw invalidField(pointer, "must be a 64-bit integer; write it as a floating-point number, such as 1e20");
}
