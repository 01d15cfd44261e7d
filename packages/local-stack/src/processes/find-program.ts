import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** The first of these programs in the folders of a path such as `PATH`, in their order. */
export async function findProgram(names: readonly string[], folders = ""): Promise<string | undefined> {
  for (const folder of folders.split(delimiter).filter(Boolean)) {
    for (const name of names) {
      const path = join(folder, name);
      try {
        await access(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}
