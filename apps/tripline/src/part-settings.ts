import type { Target } from "./targets.js";
import { prefixed } from "./targets.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The metrics of a process are of all its parts, so one port is enough for them. */
const ONCE = "METRICS_PORT";

/**
 * The environment of one part: a variable that begins with its name counts for it alone (`DECISIONS_PORT`), before the one
 * that counts for all parts (`PORT`). `NAME_FILE` may stand for `NAME`, with and without the prefix.
 *
 * @param variables that the part knows
 * @param isFirst whether it is the one that serves the metrics
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
