import type { Logger } from "@tripline/telemetry/logger";

/** Consecutive lookups of a profile without a result before a warning is logged. */
const MISSES_MAX = 1_000;

/**
 * Logs once if Redis no longer has any rows of a profile that it had before, as after a data loss, and once when it has
 * rows again. A few missing rows are normal, because new cards and terminals have none. Without any materialised
 * profiles, it logs nothing.
 */
export class ProfileWatch {
  /** For each profile, the number of lookups since the last one that found a row; absent until a row was found. */
  readonly #misses = new Map<string, number>();

  constructor(private readonly logger: Pick<Logger, "warn" | "info">) {}

  /** Call it after the lookups of each batch. */
  seen(profile: string, asked: number, found: number): void {
    const known = this.#misses.get(profile);
    if (known === undefined && found === 0) return;
    const misses = known ?? 0;
    this.#misses.set(profile, found > 0 ? 0 : misses + asked);
    if (found > 0 && misses >= MISSES_MAX) this.logger.info({ profile }, "Redis contains profiles again");
    if (found > 0 || misses >= MISSES_MAX || misses + asked < MISSES_MAX) return;
    this.logger.warn(
      { profile },
      `Redis contained none of the last ${misses + asked} requested profiles, so their features have default values. Run \`npm ` +
        "run tripline -- load-profiles`, or Feast's `materialize` for all days. See docs/operations.md, When Redis is lost.",
    );
  }
}
