import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";

const MS_PER_S = 1_000;

export interface Subject {
  readonly kind: "client" | "person";
  readonly id: string;
  readonly tenant: string;
}

export interface RevokeOptions {
  /** Whether sessions and refresh tokens stay valid, for example when a user only loses a role. */
  readonly keepsSignIns?: boolean;
}

/**
 * Revokes all current tokens of a client or user, including refresh tokens and sessions. Call it in the transaction of
 * the change that requires it, and call `RevocationPublisher.publish` afterwards.
 *
 * @param isDisabled whether new tokens are rejected as well, until `revoke` is called again
 */
export async function revoke(
  transaction: Queries,
  { kind, id, tenant }: Subject,
  isDisabled: boolean,
  { keepsSignIns = false }: RevokeOptions = {},
): Promise<void> {
  await transaction.execute(
    `INSERT INTO auth.revocations AS held (kind, subject, tenant, disabled, not_before)
     VALUES ($1, $2, $3, $4, clock_timestamp())
     ON CONFLICT (kind, subject) DO UPDATE SET tenant = excluded.tenant, disabled = excluded.disabled,
       not_before = excluded.not_before, changed_at = clock_timestamp(), is_removed = false, is_published = false`,
    [kind, id, tenant, isDisabled],
  );
  if (kind === "person" && !keepsSignIns)
    await transaction.execute("DELETE FROM auth.sign_ins WHERE person_id = $1", [id]);
}

/** Revokes all current tokens of several users of a tenant, with two statements. */
export async function revokeUsers(transaction: Queries, tenant: string, ids: readonly string[]): Promise<void> {
  await transaction.execute(
    `INSERT INTO auth.revocations AS held (kind, subject, tenant, disabled, not_before)
     SELECT 'person', person_id, tenant, disabled_at IS NOT NULL, clock_timestamp() FROM auth.people
       WHERE tenant = $1 AND person_id = ANY ($2)
     ON CONFLICT (kind, subject) DO UPDATE SET tenant = excluded.tenant, disabled = excluded.disabled,
       not_before = excluded.not_before, changed_at = clock_timestamp(), is_removed = false, is_published = false`,
    [tenant, ids],
  );
  await transaction.execute("DELETE FROM auth.sign_ins WHERE person_id = ANY ($1)", [ids]);
}

/**
 * The earliest issue time of a user's new tokens that the last revocation does not cover. Issue times are in whole
 * seconds, see `Revocations`.
 *
 * @returns ms since the epoch; undefined if no revocation of the user is stored
 */
export async function signInFromMs(queries: Queries, personId: string): Promise<number | undefined> {
  const [row] = await queries.query(
    revocationRow.pick({ not_before: true }),
    "SELECT not_before FROM auth.revocations WHERE kind = 'person' AND subject = $1 AND NOT is_removed",
    [personId],
  );
  return row && (Math.floor(row.not_before.getTime() / MS_PER_S) + 1) * MS_PER_S;
}

const revocationRow = z.object({ disabled: z.boolean(), not_before: z.date() });

/** Whether a token issued at this time is revoked, according to the database. @param keys as in `Revocations` */
export async function isRevoked(queries: Queries, keys: readonly string[], issuedAtMs: number): Promise<boolean> {
  const rows = await queries.query(
    revocationRow,
    "SELECT disabled, not_before FROM auth.revocations WHERE NOT is_removed AND kind || '/' || subject = ANY ($1)",
    [keys],
  );
  return rows.some(({ disabled, not_before: notBefore }) => disabled || issuedAtMs <= notBefore.getTime());
}
