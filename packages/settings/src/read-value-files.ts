import { readFileSync } from "node:fs";
import { z } from "zod";

const SUFFIX = "_FILE";
/** A value is a key, a password, a URL or a list of clients. */
const CHARACTERS_MAX = 1_000_000;

export interface ValueFiles {
  readonly values: Readonly<Record<string, string>>;
  /** Why a variable has no value, by its name. Each text is a clause. */
  readonly faults: ReadonlyMap<string, string>;
}

/**
 * Reads secrets that a container or cluster mounts as files: `NAME_FILE` is the path of a file with the value of
 * `NAME`. The trailing newline that editors add is removed. Applies to every variable for which the schema has no
 * `NAME_FILE` of its own, and only if `NAME` itself is not set.
 */
export function readValueFiles(
  schema: z.ZodType,
  environment: Readonly<Record<string, string | undefined>>,
): ValueFiles {
  const values: Record<string, string> = {};
  const faults = new Map<string, string>();
  if (!(schema instanceof z.ZodObject)) return { values, faults };
  const known: Record<string, unknown> = schema.shape;
  for (const name of Object.keys(known)) {
    const variable = `${name}${SUFFIX}`;
    const path = environment[variable];
    if (path === undefined || variable in known) continue;
    if (environment[name] !== undefined) {
      faults.set(name, `${name} and ${variable} are both set, so unset one of them`);
      continue;
    }
    try {
      values[name] = readFileSync(path, "utf8")
        .slice(0, CHARACTERS_MAX)
        .replace(/\r?\n$/, "");
    } catch (error) {
      // The system's own message would repeat the path.
      const code =
        typeof error === "object" && error !== null && "code" in error ? String(error.code) : "unknown fault";
      faults.set(name, `the file ${path} in ${variable} cannot be read (${code})`);
    }
  }
  return { values, faults };
}
