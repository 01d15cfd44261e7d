import { FeastError } from "../feast-error.js";
import type { EntityRow, JoinKeyValue, OnlineFeaturesRequest } from "../online-features.js";
import { checkBytes, checkInt32, checkInt64, checkString, checkTimestamp } from "../values/check-value.js";
import type { JoinKeyType } from "../values/value-types.js";
import type { RegistryIndex, ResolvedFeature } from "./resolve-features.js";

/** The values of one join key in all entity rows of a request. */
export interface EntityColumn {
  readonly name: string;
  readonly type: JoinKeyType;
  readonly values: readonly JoinKeyValue[];
}

const CHECKS: { readonly [type in JoinKeyType]: (value: unknown, field: string) => unknown } = {
  STRING: checkString,
  BYTES: checkBytes,
  INT32: checkInt32,
  INT64: checkInt64,
  UNIX_TIMESTAMP: checkTimestamp,
};

/** @throws FeastError `invalid-join-key` if the value does not have the type */
export function checkJoinKey(type: JoinKeyType, value: unknown, name: string): void {
  try {
    CHECKS[type](value, name);
  } catch (error) {
    if (!(error instanceof FeastError)) throw error;
    throw new FeastError("invalid-join-key", `The join key ${error.message.replace(/\.$/, "")} (${type}).`, name);
  }
}

/** The error of an entity row that lacks a join key. */
export function missingJoinKey(name: string, rowIndex: number): FeastError {
  const message = `The entity row ${rowIndex} lacks the join key ${name}.`;
  return new FeastError("missing-join-key", message, name);
}

/**
 * The entity rows as columns, which is the format of Feast's servers. Without a registry, the first value determines
 * the type of a join key: text, bytes, or a 64-bit integer.
 *
 * @param resolved the features of the request, if a registry contains all of them; their join keys must be present
 * @throws FeastError `unknown-entity`, `missing-join-key`, `invalid-join-key`
 */
export function entityColumns(
  request: OnlineFeaturesRequest,
  index: RegistryIndex | undefined,
  resolved: readonly ResolvedFeature[] | undefined,
): EntityColumn[] {
  const { entities } = request;
  const [first] = entities as readonly [EntityRow];
  const names = Object.keys(first);
  refuseMissing(entities, names, resolved);
  return names.map((name) => {
    const type = index?.joinKeys.get(name);
    // An on-demand view may accept further columns; if the registry contains all requested features, no such view is
    // involved.
    if (type === undefined && resolved !== undefined) throw unknownEntity(name);
    const column = {
      name,
      type: type ?? inferJoinKeyType(first[name], name),
      values: entities.map((row) => row[name]),
    };
    for (const value of column.values) checkJoinKey(column.type, value, name);
    return column as EntityColumn;
  });
}

/** @throws FeastError `invalid-request` if a request is invalid, regardless of the registry */
export function checkRequest(request: OnlineFeaturesRequest): void {
  const { entities, features, featureService } = request;
  if (!Array.isArray(entities) || entities.length === 0) {
    throw new FeastError("invalid-request", "entities must be a list of at least one entity row.", "entities");
  }
  if (featureService === undefined && (!Array.isArray(features) || features.length === 0)) {
    throw new FeastError("invalid-request", "features must name at least one feature.", "features");
  }
}

function refuseMissing(
  entities: readonly EntityRow[],
  names: readonly string[],
  resolved: readonly ResolvedFeature[] | undefined,
): void {
  const wanted = new Set([...names, ...(resolved ?? []).flatMap(({ joinKeys }) => joinKeys.map(({ name }) => name))]);
  entities.forEach((row, rowIndex) => {
    for (const name of wanted) if (!Object.hasOwn(row, name)) throw missingJoinKey(name, rowIndex);
    const extra = Object.keys(row).find((name) => !wanted.has(name));
    if (extra !== undefined) throw missingJoinKey(extra, 0);
  });
}

/** The error for a key that is not a join key of any feature view. */
export function unknownEntity(name: string): FeastError {
  const message = `No feature view in the registry has the join key ${name}.`;
  return new FeastError("unknown-entity", message, name);
}

function inferJoinKeyType(value: unknown, name: string): JoinKeyType {
  if (typeof value === "string") return "STRING";
  if (value instanceof Uint8Array) return "BYTES";
  if (typeof value === "number" || typeof value === "bigint") return "INT64";
  const message = `The join key ${name} must be a string, a whole number, a bigint or bytes, not ${value === null ? "null" : typeof value}.`;
  throw new FeastError("invalid-join-key", message, name);
}
