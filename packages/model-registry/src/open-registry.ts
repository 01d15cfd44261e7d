import { fileURLToPath } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import { FileRegistry } from "./file-registry.js";
import type { ModelRegistry } from "./model-registry.js";

/**
 * Opens the registry at a URL; `file:///path/to/registry` is the one kind there is so far. Touches nothing yet.
 *
 * @throws TriplineError `config-invalid` for any other URL.
 */
export function openRegistry(url: string): ModelRegistry {
  if (!URL.canParse(url)) {
    throw new TriplineError("config-invalid", `"${url}" is not a URL; a registry is given as file:///absolute/path.`);
  }
  const parsed = new URL(url);
  if (parsed.protocol !== "file:") {
    throw new TriplineError(
      "config-invalid",
      `A registry at ${parsed.protocol}// is not supported; use file:///absolute/path.`,
    );
  }
  try {
    return new FileRegistry(fileURLToPath(parsed));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("config-invalid", `"${url}" is not the URL of a local directory: ${reason}.`, [], {
      cause: error,
    });
  }
}
