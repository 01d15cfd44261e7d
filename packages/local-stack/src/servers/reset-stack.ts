import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { endLeftovers } from "../processes/end-leftovers.js";
import { postgresDataFolder, postgresUser } from "./locate-postgres.js";

/** Ends the processes that an earlier run left in `directory` and removes its data, so that the next start is empty. */
export async function resetStack(directory: string): Promise<void> {
  const folder = resolve(directory);
  await endLeftovers(folder);
  rmSync(postgresDataFolder(folder, postgresUser()), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}
