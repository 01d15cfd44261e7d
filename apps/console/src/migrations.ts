import type { Migrations } from "@tripline/stores/postgres/migrate-database";

export const CONSOLE_MIGRATIONS: Migrations = {
  schema: "console",
  directory: new URL("../migrations/", import.meta.url),
};
