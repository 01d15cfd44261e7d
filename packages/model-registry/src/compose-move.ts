import { userInfo } from "node:os";
import { TriplineError } from "@tripline/contracts/error-table";
import type { AliasMove, MoveOptions } from "./model-registry.js";

const BY_CHARACTERS_MAX = 200;
const WHY_CHARACTERS_MAX = 1_000;

/** A requested alias move. */
export interface WantedMove {
  readonly model: string;
  readonly alias: string;
  readonly to: string;
  readonly options: MoveOptions;
}

/**
 * A move of an alias that currently points to `from`.
 *
 * @throws TriplineError `state-conflict` if that is not the expected version
 */
export function composeMove({ model, alias, to, options }: WantedMove, from: string | null): AliasMove {
  const { expect } = options;
  if (expect !== undefined && expect !== from) {
    const names = (version: string | null): string => version ?? "no version";
    throw new TriplineError(
      "state-conflict",
      `The alias "${alias}" of model ${model} points to ${names(from)} instead of ${names(expect)}: ` +
        "another user moved it. Check the alias, then try again if necessary.",
    );
  }
  return {
    alias,
    from,
    to,
    at: new Date().toISOString(),
    by: (options.by ?? userName()).slice(0, BY_CHARACTERS_MAX),
    why: options.why?.slice(0, WHY_CHARACTERS_MAX) ?? null,
    is_rollback: options.isRollback ?? false,
  };
}

/** Containers often run as a user without a name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? "unknown"}`;
  }
}
