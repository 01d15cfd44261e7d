import type { Target } from "./targets.js";
import { prefixed } from "./targets.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** All parts of a process share its metrics, so one port is enough. */
const ONCE = "METRICS_PORT";

/**
 * The environment of one part. A variable prefixed with the part's name (`DECISIONS_PORT`) takes precedence over the
 * variable for all parts (`PORT`). `NAME_FILE` can replace `NAME`, with and without the prefix.
 *
 * @param variables names of the part's variables
 * @param isFirst whether this part serves the metrics
 */
export function settingsOf(
  target: Target,
  variables: readonly string[],
  environment: Environment,
  isFirst: boolean,
): Record<string, string | undefined> {
  const settings: Record<string, string | undefined> = { ...environment };
  if (!isFirst) delete settings[ONCE];
  for (const variable of variables) {
    const file = `${variable}_FILE`;
    const hasFile = !variables.includes(file);
    const own = environment[prefixed(target, variable)];
    const ownFile = hasFile ? environment[prefixed(target, file)] : undefined;
    if (own === undefined && ownFile === undefined) continue;
    settings[variable] = own;
    if (hasFile) settings[file] = ownFile;
  }
  return settings;
}
