import type { Migrations } from "@tripline/service-kit/postgres/migrate-database";

export const CONSOLE_MIGRATIONS: Migrations = {
  schema: "console",
  directory: new URL("../migrations/", import.meta.url),
};
