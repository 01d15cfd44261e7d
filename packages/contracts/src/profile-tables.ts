import { readFileSync } from "node:fs";

/** Feast's name of the view that holds an entity's profile. */
export function profileView(entity: string): string {
  return `${entity}_profile`;
}

/**
 * The query of DuckDB that computes an entity's profile: a row for each entity and day with a change, with the entity's key, the
 * `day` since the epoch and the columns that the head of the file describes. A row is known from the end of its day on.
 *
 * @throws Error of the file system for an entity without such a file
 */
export function profileQuery(entity: string): string {
  return readFileSync(new URL(`../profiles/${entity}.sql`, import.meta.url), "utf8");
}

/** Feast's types of the columns of an entity's profile, as its query casts them. */
export function profileColumnTypes(entity: string): Record<string, "INT64" | "DOUBLE"> {
  const columns = profileQuery(entity).matchAll(/::(BIGINT|DOUBLE) AS (\w+_\w+)/g);
  const own = Array.from(columns, ([, type, column = ""]) => [column, type === "BIGINT" ? "INT64" : "DOUBLE"] as const);
  return Object.fromEntries(own.filter(([column]) => column.startsWith(`${entity}_`)));
}
