import { TriplineError } from "@tripline/contracts/error-table";
import type { AliasMove, MoveOptions, RecordingRegistry } from "./model-registry.js";

/**
 * Points an alias at the version that it named before. Done again, it goes on to the one before that, so that two
 * operators who are in a hurry do not put the bad version back.
 *
 * @throws TriplineError `model-not-found` when nothing is known of an earlier version, `state-conflict` when the alias
 * is moved meanwhile or does not name what is expected
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
      `The alias "${alias}" of model ${name} names ${current}, and no version is remembered that it named before.`,
    );
  }
  return registry.setAlias(name, alias, to, { ...options, expect: options.expect ?? current, isRollback: true });
}

/**
 * The version before the current one, along the moves of one alias, oldest first. A roll back takes the version that it
 * left off the path, so what was rolled back is not met again.
 */
export function earlierVersion(moves: readonly AliasMove[], current: string): string | undefined {
  const path: string[] = [];
  const step = (version: string): void => {
    if (path.at(-1) !== version) path.push(version);
  };
  for (const { from, to, is_rollback } of moves) {
    // Differs from where the last move went when somebody moved the alias past this registry.
    if (from !== null) step(from);
    const back = path.lastIndexOf(to);
    if (is_rollback && back !== -1) path.length = back + 1;
    else step(to);
  }
  step(current);
  return path.at(-2);
}
