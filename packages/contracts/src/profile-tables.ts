import { readFileSync } from "node:fs";

/** Feast's name for the view with an entity's profile. */
export function profileView(entity: string): string {
  return `${entity}_profile`;
}

/**
 * The DuckDB query that computes an entity's profile: a row for each entity and each day with a change, with the
 * entity's key, the `day` since the epoch, and the columns described at the top of the file. A row is known as soon as
 * its day has ended.
 *
 * @throws Error of the file system for an entity without a profile
 */
export function profileQuery(entity: string): string {
  return readFileSync(new URL(`../profiles/${entity}.sql`, import.meta.url), "utf8");
}

/** Feast's types for the columns of an entity's profile, derived from the casts in its query. */
export function profileColumnTypes(entity: string): Record<string, "INT64" | "DOUBLE"> {
  const columns = profileQuery(entity).matchAll(/::(BIGINT|DOUBLE) AS (\w+_\w+)/g);
  const own = Array.from(columns, ([, type, column = ""]) => [column, type === "BIGINT" ? "INT64" : "DOUBLE"] as const);
  return Object.fromEntries(own.filter(([column]) => column.startsWith(`${entity}_`)));
}
