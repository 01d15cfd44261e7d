import { createHash } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import type { Erasure, SubjectKey } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";

/**
 * Arbitrary key of the advisory lock that is taken in shared mode to add subject keys and in exclusive mode to erase
 * them. No other program that uses this database has the same key.
 */
const LOCK_ID = 7_113_002_977;

/** Columns of `control.subject_keys` that contain tokens. */
export const TOKEN_COLUMNS = "card_token, email_token, other_tokens";
export const tokens = { card_token: z.string(), email_token: z.string(), other_tokens: z.array(z.string()) };

const keyRow = z.object({
  key_id: z.instanceof(Buffer),
  wrapped: z.instanceof(Buffer),
  wrapped_envelope: z.instanceof(Buffer),
  ...tokens,
});
export type KeyRow = z.infer<typeof keyRow>;
const erasedRow = z.object({ subject: z.string() });
const forgottenRow = z.object({ tenant: z.string(), subject: z.string() });
const seenRow = z.object(tokens);
const goneRow = seenRow.extend({ tenant: z.string() });

/** The result of an erasure. */
export interface Erased {
  readonly keys: number;
  /** Cards, e-mail addresses and accounts that were seen with the subject but not erased with it. */
  readonly seenWith: readonly string[];
}

/** Stores wrapped data keys, and the erased people for whom none may be stored. */
@Injectable()
export class SubjectKeys {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Adds keys. Ignores existing keys and keys of erased people. */
  async add(keys: readonly SubjectKey[]): Promise<void> {
    if (keys.length === 0) return;
    const envelopes = new Map(keys.map((key) => [idOf(key), key]));
    const column = <K extends keyof SubjectKey>(of: Iterable<SubjectKey>, name: K) => [...of].map((key) => key[name]);
    const newest = [...envelopes.values()];
    await this.database.transaction(async (transaction) => {
      await transaction.execute("SELECT pg_advisory_xact_lock_shared($1)", [LOCK_ID]);
      await transaction.execute(
        `INSERT INTO control.envelope_keys (id, master_key, wrapped, created_at)
         SELECT decode(id, 'hex'), master_key, wrapped, now() FROM unnest($1::text[], $2::text[], $3::bytea[])
           AS new (id, master_key, wrapped) ORDER BY id ON CONFLICT DO NOTHING`,
        [[...envelopes.keys()], column(newest, "masterKey"), column(newest, "wrappedEnvelope")],
      );
      await transaction.execute(
        `INSERT INTO control.subject_keys (key_id, tenant, ${TOKEN_COLUMNS}, wrapped, envelope_id, created_at)
         SELECT key_id, tenant, card_token, email_token, string_to_array(others, ' '), wrapped, decode(envelope_id, 'hex'),
           to_timestamp(created_at_ms / 1000.0)
         FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bigint[], $8::text[])
           AS new (key_id, tenant, card_token, email_token, wrapped, envelope_id, created_at_ms, others)
         WHERE NOT EXISTS (SELECT 1 FROM control.erasures e WHERE e.tenant = new.tenant
           AND e.subject = ANY (ARRAY[new.card_token, new.email_token] || string_to_array(new.others, ' ')))
         ORDER BY key_id ON CONFLICT DO NOTHING`,
        [
          ...[column(keys, "keyId"), column(keys, "tenant"), column(keys, "cardToken"), column(keys, "emailToken")],
          ...[column(keys, "wrapped"), keys.map(idOf), column(keys, "createdAtMs")],
          keys.map(({ otherTokens }) => otherTokens.join(" ")),
        ],
      );
    });
  }

  /** @returns by key id in hex */
  async find(tenant: string, keyIds: readonly Buffer[]): Promise<ReadonlyMap<string, KeyRow>> {
    const rows = await this.database.query(
      keyRow,
      `SELECT k.key_id, k.wrapped, e.wrapped AS wrapped_envelope, ${TOKEN_COLUMNS}
       FROM control.subject_keys k JOIN control.envelope_keys e ON e.id = k.envelope_id
       WHERE k.tenant = $1 AND k.key_id = ANY ($2::bytea[])`,
      [tenant, keyIds],
    );
    return new Map(rows.map((row) => [row.key_id.toString("hex"), row]));
  }

  /** Destroys the keys of a subject and prevents new ones from being stored. Idempotent. */
  erase(by: Managed, subject: string): Promise<Erased> {
    return this.database.transaction(async (transaction) => {
      await transaction.execute("SELECT pg_advisory_xact_lock($1)", [LOCK_ID]);
      await transaction.execute(
        `INSERT INTO control.erasures (tenant, subject, erased_at) VALUES ($1, $2, date_trunc('milliseconds', now()))
         ON CONFLICT DO NOTHING`,
        [by.tenant, subject],
      );
      const gone = await transaction.query(
        seenRow,
        `DELETE FROM control.subject_keys WHERE ${keysOf("$1", "$2")} RETURNING ${TOKEN_COLUMNS}`,
        [by.tenant, subject],
      );
      await noteAudit(transaction, by, "person-erased", { keys: gone.length }, { kind: "person", id: subject });
      return { keys: gone.length, seenWith: seenWith(gone, subject) };
    });
  }

  /**
   * Applies published erasures again. A database that already has them stays unchanged. If a database lacks them, it
   * was restored from a backup; this is logged.
   */
  eraseAgain(erasures: readonly Erasure[]): Promise<void> {
    const tenants = erasures.map(({ tenant }) => tenant);
    const subjects = erasures.map(({ subject }) => subject);
    return this.database.transaction(async (transaction) => {
      await transaction.execute("SELECT pg_advisory_xact_lock($1)", [LOCK_ID]);
      const forgotten = await transaction.query(
        forgottenRow,
        `INSERT INTO control.erasures (tenant, subject, erased_at, is_published)
         SELECT tenant, subject, to_timestamp(at_ms / 1000.0), true
         FROM unnest($1::text[], $2::text[], $3::bigint[]) AS erased (tenant, subject, at_ms)
         ON CONFLICT DO NOTHING RETURNING tenant, subject`,
        [tenants, subjects, erasures.map(({ erasedAtMs }) => erasedAtMs)],
      );
      const gone = await transaction.query(
        goneRow,
        `WITH erased AS (SELECT * FROM unnest($1::text[], $2::text[]) AS erased (tenant, subject))
         DELETE FROM control.subject_keys WHERE key_id IN (
           SELECT k.key_id FROM erased JOIN control.subject_keys k ON k.tenant = erased.tenant AND k.card_token = erased.subject
           UNION ALL SELECT k.key_id FROM erased JOIN control.subject_keys k
             ON k.tenant = erased.tenant AND k.email_token = erased.subject AND k.email_token <> ''
           UNION ALL SELECT k.key_id FROM erased JOIN control.subject_keys k
             ON k.tenant = erased.tenant AND k.other_tokens @> ARRAY[erased.subject] AND k.other_tokens <> '{}')
         RETURNING tenant, ${TOKEN_COLUMNS}`,
        [tenants, subjects],
      );
      for (const { tenant, subject } of forgotten) {
        const keys = gone.filter((row) => row.tenant === tenant && allTokens(row).includes(subject));
        const by: Managed = { tenant, actor: "control", actorKind: "service" };
        const details = { keys: keys.length, again: true };
        await noteAudit(transaction, by, "person-erased", details, { kind: "person", id: subject });
      }
    });
  }

  /** @returns the subjects that were erased */
  async erasedAmong(tenant: string, subjects: readonly string[]): Promise<ReadonlySet<string>> {
    if (subjects.length === 0) return new Set();
    const rows = await this.database.query(
      erasedRow,
      "SELECT subject FROM control.erasures WHERE tenant = $1 AND subject = ANY ($2::text[])",
      [tenant, subjects],
    );
    return new Set(rows.map(({ subject }) => subject));
  }

  /** @param reason a code from the user */
  noteOpened(
    by: Managed,
    transactionIds: readonly string[],
    cards: readonly string[],
    reason: string | undefined,
  ): Promise<void> {
    return this.database.transaction(async (transaction: Queries) => {
      const [card = ""] = cards;
      const details = { payments: transactionIds, cards, ...(reason === undefined ? {} : { reason }) };
      await noteAudit(transaction, by, "personal-data-opened", details, { kind: "card", id: card });
    });
  }

  /** @returns the number of expired keys that were destroyed, at most `limit` */
  async expire(days: number, limit: number): Promise<number> {
    return this.database.execute(
      `DELETE FROM control.subject_keys WHERE key_id = ANY (ARRAY(
         SELECT key_id FROM control.subject_keys WHERE created_at < now() - make_interval(days => $1) LIMIT $2))`,
      [days, limit],
    );
  }
}

/** The keys of a person, in SQL, which an erasure destroys and an export shows. */
export function keysOf(tenant: string, subject: string): string {
  return `tenant = ${tenant} AND (card_token = ${subject} OR email_token = ${subject}
    OR (other_tokens @> ARRAY[${subject}::text] AND other_tokens <> '{}'))`;
}

/** The tokens in these rows, except the subject. */
export function seenWith(rows: readonly z.infer<typeof seenRow>[], subject: string): string[] {
  return [...new Set(rows.flatMap(allTokens))].filter((token) => token !== "" && token !== subject);
}

function allTokens(row: z.infer<typeof seenRow>): string[] {
  return [row.card_token, row.email_token, ...row.other_tokens];
}

function idOf({ wrappedEnvelope }: SubjectKey): string {
  return createHash("sha256").update(wrappedEnvelope).digest("hex");
}
