import { createHmac } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { FailureLimiter } from "../clients/failure-limiter.js";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { deriveKey } from "../provider/derive-key.js";

/** Limit for one name from one address or known device, across all instances. */
const OF_PLACE = { failuresMax: 10, windowSeconds: 900 };
/** Limit for one name from all addresses, excluding known devices. */
const OF_NAME = { failuresMax: 50, windowSeconds: 3_600 };
/** Limit for one address and all names. Higher, because all callers behind an untrusted proxy share an address. */
const FAILURES_OF_ADDRESS_MAX = 200;
const ADDRESSES_MAX = 10_000;
/** An attempt adds at most three rows, so deleting this many keeps the table small. */
const EXPIRED_ROWS_PER_CLEANING_MAX = 100;

const counted = z.object({ failures: z.number(), seconds_left: z.number() });

/** The origin of an attempt. */
export interface Origin {
  readonly address: string;
  /** A browser in which this user has signed in before. Failures elsewhere do not count against it. */
  readonly device?: string | undefined;
}

/**
 * Seconds until the next attempt, rounded up, and whether the limit for the name applies, which a second factor
 * bypasses.
 */
export interface Wait {
  readonly seconds: number;
  readonly isOfName: boolean;
}

/**
 * Slows down guessing. An attempt is counted before its password is hashed, and a correct one clears the counter of its
 * source, so that concurrent guesses gain nothing over sequential ones. Unknown names count like existing ones, so that
 * a rejection does not reveal which names exist.
 *
 * An attacker who knows a name can only use up the attempts for their own address. Attacks from many addresses reach
 * the slower limit for the name; the owner can then sign in from a known device or with a second factor.
 *
 * The table stays small: each new row requires an argon2id computation, and rows are deleted once they expire, after an
 * hour at most.
 */
@Injectable()
export class SignInFailures {
  readonly #addresses = new FailureLimiter({
    failuresMax: FAILURES_OF_ADDRESS_MAX,
    windowMs: OF_PLACE.windowSeconds * 1_000,
    keysMax: ADDRESSES_MAX,
  });

  /** Key for hashing names, 32 bytes. */
  readonly #key: Uint8Array;

  constructor(
    @Inject(DATABASE) private readonly queries: Queries,
    @Inject(AUTH_CONFIG) config: Pick<AuthConfig, "KEY_ENCRYPTION_KEY">,
  ) {
    this.#key = deriveKey(config.KEY_ENCRYPTION_KEY, "sign-in names");
  }

  /**
   * @param check whether the password is correct; not called while the name or its source has to wait
   * @returns the result of `check`, or how long to wait
   */
  async attempt(userName: string, { address, device }: Origin, check: () => Promise<boolean>): Promise<boolean | Wait> {
    const place = device === undefined ? `address ${address}` : `device ${device}`;
    const limits = [{ key: `${userName}\n${place}`, ...OF_PLACE, isOfName: false }];
    if (device === undefined) limits.push({ key: userName, ...OF_NAME, isOfName: true });
    const addressSeconds = device === undefined ? this.#addresses.begin(address) : undefined;
    if (addressSeconds !== undefined) return { seconds: addressSeconds, isOfName: false };
    let isRight = false;
    try {
      for (const limit of limits) {
        const seconds = await this.#count(limit);
        if (seconds !== undefined) return { seconds, isOfName: limit.isOfName };
      }
      isRight = await check();
      if (isRight) await this.#forgive(limits);
      return isRight;
    } finally {
      if (device === undefined) this.#addresses.end(address, !isRight);
    }
  }

  /** Does the same as `attempt`, but for codes, which can also be guessed. */
  attemptCode(personId: string, origin: Origin, check: () => Promise<boolean>): Promise<boolean | Wait> {
    return this.attempt(`second factor of ${personId}`, origin, check);
  }

  /** Attempts with both password and code, for a name whose attempts are used up: ten per address, fifty in total. */
  attemptBoth(userName: string, origin: Origin, check: () => Promise<boolean>): Promise<boolean | Wait> {
    return this.attempt(`both factors of ${userName}`, origin, check);
  }

  async #count({ key, failuresMax, windowSeconds }: typeof OF_PLACE & { key: string }): Promise<number | undefined> {
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
      [this.#hash(key), windowSeconds],
    );
    if (row === undefined || row.failures <= failuresMax) return undefined;
    return Math.max(1, row.seconds_left);
  }

  /**
   * Clears the source's counter. Removes only this attempt from the name's counter, because the others may be an
   * attacker's guesses.
   */
  async #forgive(limits: readonly { readonly key: string; readonly isOfName: boolean }[]): Promise<void> {
    for (const { key, isOfName } of limits) {
      const sql = isOfName
        ? "UPDATE auth.sign_in_failures SET failures = GREATEST(failures - 1, 0) WHERE name_hash = $1"
        : "DELETE FROM auth.sign_in_failures WHERE name_hash = $1";
      await this.queries.execute(sql, [this.#hash(key)]);
    }
  }

  #hash(key: string): Buffer {
    return createHmac("sha256", this.#key).update(key).digest();
  }
}
