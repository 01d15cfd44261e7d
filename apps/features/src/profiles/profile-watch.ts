import type { Logger } from "@tripline/telemetry/logger";

/** Look-ups of a profile that found nothing, one after the other, before it is said. */
const MISSES_MAX = 1_000;

/**
 * Logs once when Redis holds none of the profiles any more that it held before, as after a loss, and once when it holds some
 * again. A few that are missing say nothing: cards and terminals that are new have none. Nor does Redis where nobody ever
 * materialised any.
 */
export class ProfileWatch {
  /** By profile: look-ups since the last one that found a row; absent while none has. */
  readonly #misses = new Map<string, number>();

  constructor(private readonly logger: Pick<Logger, "warn" | "info">) {}

  /** Called for the look-ups of each batch. */
  seen(profile: string, asked: number, found: number): void {
    const known = this.#misses.get(profile);
    if (known === undefined && found === 0) return;
    const misses = known ?? 0;
    this.#misses.set(profile, found > 0 ? 0 : misses + asked);
    if (found > 0 && misses >= MISSES_MAX) this.logger.info({ profile }, "Redis has profiles again");
    if (found > 0 || misses >= MISSES_MAX || misses + asked < MISSES_MAX) return;
    this.logger.warn(
      { profile },
      `Redis had none of the last ${misses + asked} requested profiles, so their features have default values. Run ` +
        "`npm run tripline -- load-profiles`, or Feast's `materialize` for all days; docs/operations.md, When Redis is lost.",
    );
  }
}
