import { createHash, randomBytes } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { openBytes, sealBytes } from "@tripline/sealing/seal-bytes";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";

/** The tokens that auth issued for a user. */
export const tokens = z.object({
  access: z.string(),
  refresh: z.string().optional(),
  /** The ID token, which is sent for signing out. */
  id: z.string().optional(),
});
export type Tokens = z.infer<typeof tokens>;

/** The content of the access token. */
export interface Rights {
  readonly tenant: string;
  readonly personId: string;
  readonly personName: string;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly endsMs: number;
}

/** A signed-in user. */
export interface Session extends Rights {
  /** Hash of the cookie's value. */
  readonly idHash: Buffer;
  readonly csrfToken: string;
  readonly expiresAtMs: number;
  readonly tokens: Tokens;
}

export interface SessionLimits {
  readonly key: Buffer;
  readonly lifetimeMs: number;
  readonly idleMs: number;
}

/** Injects `SessionLimits`. */
export const SESSION_LIMITS = Symbol("SESSION_LIMITS");

const sessionRow = z.object({
  id_hash: z.instanceof(Buffer),
  tenant: z.string(),
  person_id: z.string(),
  person_name: z.string(),
  roles: z.array(z.string()),
  scopes: z.array(z.string()),
  csrf_token: z.string(),
  tokens: z.instanceof(Buffer),
  token_ends_ms: z.coerce.number(),
  expires_at_ms: z.coerce.number(),
});

const SECRET_BYTES = 32;
const SECRET_PATTERN = /^[A-Za-z0-9_-]{43}$/;
/** Precision of the last use, so that not every request causes a write. */
const USE_NOTED_EVERY_MS = 60_000;
const REMOVED_TOGETHER_MAX = 5_000;

/**
 * Sessions in Postgres, for all instances. The database contains no cookies, and contains tokens only in encrypted
 * form.
 */
@Injectable()
export class SessionStore {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(SESSION_LIMITS) private readonly limits: SessionLimits,
  ) {}

  /** @returns a new cookie value */
  async create(rights: Rights, given: Tokens): Promise<string> {
    const secret = randomBytes(SECRET_BYTES).toString("base64url");
    const idHash = hashOf(secret);
    const nowMs = Date.now();
    await this.database.execute(
      `INSERT INTO console.sessions (id_hash, tenant, person_id, person_name, roles, scopes, csrf_token, tokens,
         token_ends_ms, expires_at_ms, used_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        ...[idHash, rights.tenant, rights.personId, rights.personName, rights.roles, rights.scopes],
        ...[randomBytes(SECRET_BYTES).toString("base64url"), this.#seal(given, idHash), rights.endsMs],
        ...[nowMs + this.limits.lifetimeMs, nowMs],
      ],
    );
    await this.database.execute(
      `INSERT INTO console.people (tenant, person_id, name, can_work, signed_in_ms) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (tenant, person_id) DO UPDATE SET name = excluded.name, can_work = excluded.can_work,
         signed_in_ms = excluded.signed_in_ms`,
      [rights.tenant, rights.personId, rights.personName, rights.scopes.includes("cases:write"), nowMs],
    );
    return secret;
  }

  /** @returns undefined if there is no such session or it has ended */
  async find(secret: string): Promise<Session | undefined> {
    return SECRET_PATTERN.test(secret) ? this.#read(this.database, hashOf(secret)) : undefined;
  }

  /** Any session of a user, for work on the user's behalf. */
  async ofPerson(tenant: string, personId: string): Promise<Session | undefined> {
    const [row] = await this.database.query(
      sessionRow.pick({ id_hash: true }),
      `SELECT id_hash FROM console.sessions WHERE tenant = $1 AND person_id = $2 AND expires_at_ms > $3
       ORDER BY used_at_ms DESC LIMIT 1`,
      [tenant, personId, Date.now()],
    );
    return row === undefined ? undefined : this.#read(this.database, row.id_hash);
  }

  /** Records that the session is in use, at most once per minute. */
  async touch({ idHash }: Session): Promise<void> {
    const nowMs = Date.now();
    await this.database.execute("UPDATE console.sessions SET used_at_ms = $2 WHERE id_hash = $1 AND used_at_ms < $3", [
      idHash,
      nowMs,
      nowMs - USE_NOTED_EVERY_MS,
    ]);
  }

  /**
   * Renews the tokens. Serialised across all instances, because using a refresh token twice ends the grant.
   *
   * @param isStale whether the tokens still need renewal
   * @param renew returns undefined if auth rejects the renewal; the session then ends
   */
  async renew(
    idHash: Buffer,
    isStale: (session: Session) => boolean,
    renew: (session: Session) => Promise<{ rights: Rights; tokens: Tokens } | undefined>,
  ): Promise<Session | undefined> {
    return this.database.transaction(async (transaction) => {
      const session = await this.#read(transaction, idHash, "FOR UPDATE");
      if (session === undefined || !isStale(session)) return session;
      const renewed = await renew(session);
      if (renewed === undefined) {
        await transaction.execute("DELETE FROM console.sessions WHERE id_hash = $1", [idHash]);
        return undefined;
      }
      const { rights, tokens: given } = renewed;
      await transaction.execute(
        `UPDATE console.sessions SET person_name = $2, roles = $3, scopes = $4, tokens = $5, token_ends_ms = $6
         WHERE id_hash = $1`,
        [idHash, rights.personName, rights.roles, rights.scopes, this.#seal(given, idHash), rights.endsMs],
      );
      return { ...session, ...rights, tokens: given };
    });
  }

  async end({ idHash }: Pick<Session, "idHash">): Promise<void> {
    await this.database.execute("DELETE FROM console.sessions WHERE id_hash = $1", [idHash]);
  }

  /**
   * Deletes sessions that have ended, at most 5,000 per call. Skips those that another instance is deleting or
   * renewing.
   *
   * @param background a pool other than that of requests
   */
  async removeEnded(background: Queries): Promise<void> {
    const nowMs = Date.now();
    await background.execute(
      `DELETE FROM console.sessions WHERE id_hash IN (
         SELECT id_hash FROM console.sessions WHERE expires_at_ms < $1 OR used_at_ms < $2
         LIMIT ${REMOVED_TOGETHER_MAX} FOR UPDATE SKIP LOCKED)`,
      [nowMs, nowMs - this.limits.idleMs],
    );
  }

  async #read(queries: Queries, idHash: Buffer, lock: "" | "FOR UPDATE" = ""): Promise<Session | undefined> {
    const nowMs = Date.now();
    const [row] = await queries.query(
      sessionRow,
      `SELECT * FROM console.sessions WHERE id_hash = $1 AND expires_at_ms > $2 AND used_at_ms > $3 ${lock}`,
      [idHash, nowMs, nowMs - this.limits.idleMs],
    );
    const opened = row === undefined ? undefined : openBytes(row.tokens, this.limits.key, contextOf(idHash));
    if (row === undefined || opened === undefined) return undefined;
    return {
      idHash,
      tenant: row.tenant,
      personId: row.person_id,
      personName: row.person_name,
      roles: row.roles,
      scopes: row.scopes,
      csrfToken: row.csrf_token,
      endsMs: row.token_ends_ms,
      expiresAtMs: row.expires_at_ms,
      tokens: tokens.parse(JSON.parse(opened.toString())),
    };
  }

  #seal(given: Tokens, idHash: Buffer): Buffer {
    return sealBytes(Buffer.from(JSON.stringify(given)), this.limits.key, contextOf(idHash));
  }
}

function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** Binds encrypted tokens to their session. */
function contextOf(idHash: Buffer): string {
  return `console session ${idHash.toString("hex")}`;
}
