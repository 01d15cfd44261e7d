import { TriplineError } from "@tripline/contracts/error-table";
import type { AliasMove, MoveOptions, RecordingRegistry } from "./model-registry.js";

/**
 * Points an alias at its previous version. A second call goes back one more version, so that two operators who act at
 * the same time do not restore the bad version.
 *
 * @throws TriplineError `model-not-found` if no earlier version is known, `state-conflict` if the alias has been moved
 *   concurrently or does not point to the expected version
 */
export async function rollBackAlias(
  registry: RecordingRegistry,
  name: string,
  alias: string,
  options: Omit<MoveOptions, "isRollback"> = {},
): Promise<AliasMove> {
  const current = await registry.aliasTarget(name, alias);
  const moves = (await registry.history(name)).filter((move) => move.alias === alias);
  const to = earlierVersion(moves, current);
  if (to === undefined) {
    throw new TriplineError(
      "model-not-found",
      `The alias "${alias}" of model ${name} points to ${current}, and its history contains no earlier version.`,
    );
  }
  return registry.setAlias(name, alias, to, { ...options, expect: options.expect ?? current, isRollback: true });
}

/**
 * The version before the current one, derived from the moves of one alias (oldest first). A rollback drops the replaced
 * version from this path, so a later rollback does not return to it.
 */
export function earlierVersion(moves: readonly AliasMove[], current: string): string | undefined {
  const path: string[] = [];
  const step = (version: string): void => {
    if (path.at(-1) !== version) path.push(version);
  };
  for (const { from, to, is_rollback } of moves) {
    // Differs from the last move's target if the alias was moved outside this registry.
    if (from !== null) step(from);
    const back = path.lastIndexOf(to);
    if (is_rollback && back !== -1) path.length = back + 1;
    else step(to);
  }
  step(current);
  return path.at(-2);
}
