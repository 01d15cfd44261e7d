import { createHmac } from "node:crypto";
import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import { z } from "zod";
import { FailureLimiter } from "../clients/failure-limiter.js";

const WINDOW_SECONDS = 900;
/** Attempts for one name within the window, counted over all instances. */
const FAILURES_OF_NAME_MAX = 10;
/** One address that tries many names. Behind a proxy all callers have one address, so this is many times larger. */
const FAILURES_OF_ADDRESS_MAX = 200;
const ADDRESSES_MAX = 10_000;
const EXPIRED_ROWS_PER_CLEANING_MAX = 100;

const counted = z.object({ failures: z.number(), seconds_left: z.number() });

/**
 * Slows down guessing. An attempt counts before its password is computed, and a right one clears the name, so that many
 * guesses at once get no further than one after another. A name that nobody has counts as one that somebody has: being
 * refused does not tell which names exist.
 *
 * The table stays small without a limit: a row costs an argon2id computation and lives for a quarter of an hour.
 */
export class SignInFailures {
  readonly #addresses = new FailureLimiter({
    failuresMax: FAILURES_OF_ADDRESS_MAX,
    windowMs: WINDOW_SECONDS * 1_000,
    keysMax: ADDRESSES_MAX,
  });

  /** @param key 32 bytes, under which names are hashed */
  constructor(
    private readonly queries: Queries,
    private readonly key: Uint8Array,
  ) {}

  /**
   * @param check whether the password is right; not called while the name or the address has to wait
   * @returns what `check` says, or whole seconds until this name may be tried again from this address
   */
  async attempt(userName: string, address: string, check: () => Promise<boolean>): Promise<boolean | number> {
    const addressSeconds = this.#addresses.begin(address);
    if (addressSeconds !== undefined) return addressSeconds;
    let isRight = false;
    try {
      const nameSeconds = await this.#count(userName);
      if (nameSeconds !== undefined) return nameSeconds;
      isRight = await check();
      if (isRight) await this.#clear(userName);
      return isRight;
    } finally {
      this.#addresses.end(address, !isRight);
    }
  }

  /** Codes can be guessed as well: ten tries of a person, wherever they are typed. @returns as `attempt` does */
  attemptCode(personId: string, address: string, check: () => Promise<boolean>): Promise<boolean | number> {
    return this.attempt(`second factor of ${personId}`, address, check);
  }

  async #count(userName: string): Promise<number | undefined> {
    await this.queries.execute(
      `DELETE FROM auth.sign_in_failures WHERE name_hash IN (SELECT name_hash FROM auth.sign_in_failures
       WHERE ends_at <= now() LIMIT ${EXPIRED_ROWS_PER_CLEANING_MAX} FOR UPDATE SKIP LOCKED)`,
      [],
    );
    const [row] = await this.queries.query(
      counted,
      `INSERT INTO auth.sign_in_failures AS held (name_hash, failures, ends_at)
       VALUES ($1, 1, now() + make_interval(secs => $2))
       ON CONFLICT (name_hash) DO UPDATE SET
         failures = CASE WHEN held.ends_at <= now() THEN 1 ELSE LEAST(held.failures + 1, 1000000) END,
         ends_at = CASE WHEN held.ends_at <= now() THEN excluded.ends_at ELSE held.ends_at END
       RETURNING failures, ceil(extract(epoch FROM ends_at - now()))::int AS seconds_left`,
      [this.#hash(userName), WINDOW_SECONDS],
    );
    if (row === undefined || row.failures <= FAILURES_OF_NAME_MAX) return undefined;
    return Math.max(1, row.seconds_left);
  }

  async #clear(userName: string): Promise<void> {
    await this.queries.execute("DELETE FROM auth.sign_in_failures WHERE name_hash = $1", [this.#hash(userName)]);
  }

  #hash(userName: string): Buffer {
    return createHmac("sha256", this.key).update(userName).digest();
  }
}
