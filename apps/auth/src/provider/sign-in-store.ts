import { createHash } from "node:crypto";
import { openBytes, sealBytes } from "@tripline/sealing/seal-bytes";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Adapter, AdapterPayload } from "oidc-provider";
import { errors } from "oidc-provider";
import { z } from "zod";
import { personIn } from "../sign-in/sign-in-steps.js";

const EXPIRED_ROWS_PER_CLEANING_MAX = 100;

const signInRow = z.object({
  id: z.instanceof(Uint8Array),
  sealed: z.instanceof(Uint8Array),
  consumed_seconds: z.number().nullable(),
});

const grantRow = z.object({ grant_id: z.instanceof(Uint8Array).nullable() });

const SELECT = `SELECT id, sealed, extract(epoch FROM consumed_at)::float8 AS consumed_seconds FROM auth.sign_ins`;

/**
 * Sessions, interactions, grants, codes and refresh tokens in Postgres, so that any instance can continue a sign-in. A
 * row is found by the hash of the browser's or client's value and is encrypted with `key`.
 *
 * @param key 32 bytes
 */
export function signInStore(queries: Queries, key: Uint8Array): (model: string) => Adapter {
  return (model) => {
    const find = async (column: "id" | "uid", value: string): Promise<AdapterPayload | undefined> => {
      const [row] = await queries.query(
        signInRow,
        `${SELECT} WHERE model = $1 AND ${column} = $2 AND expires_at > now()`,
        [model, hash(value)],
      );
      const opened = row === undefined ? undefined : openBytes(row.sealed, key, contextOf(model, row.id));
      if (row === undefined || opened === undefined) return undefined;
      const payload = JSON.parse(opened.toString("utf8")) as AdapterPayload;
      return row.consumed_seconds === null ? payload : { ...payload, consumed: row.consumed_seconds };
    };
    return {
      async upsert(value, payload, expiresInSeconds) {
        const id = hash(value);
        const sealed = sealBytes(Buffer.from(JSON.stringify(payload)), key, contextOf(model, id));
        const { grantId, uid } = payload;
        // An unfinished sign-in names the user only in its result. It is deleted together with the user's other
        // sign-ins.
        const personId = payload.accountId ?? personIn(payload.result) ?? null;
        await queries.execute(
          `INSERT INTO auth.sign_ins (model, id, sealed, grant_id, uid, person_id, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
           ON CONFLICT (model, id) DO UPDATE SET sealed = excluded.sealed, grant_id = excluded.grant_id,
             uid = excluded.uid, person_id = excluded.person_id, expires_at = excluded.expires_at`,
          [model, id, sealed, hashOrNull(grantId), hashOrNull(uid), personId, expiresInSeconds],
        );
        if (model === "Interaction") await removeExpired(queries);
      },
      find: (value) => find("id", value),
      findByUid: (uid) => find("uid", uid),
      // Only used by the device flow, which is disabled.
      findByUserCode: async () => undefined,
      consume: (value) => consume(queries, model, hash(value)),
      async destroy(value) {
        await queries.execute("DELETE FROM auth.sign_ins WHERE model = $1 AND id = $2", [model, hash(value)]);
      },
      async revokeByGrantId(grantId) {
        await queries.execute("DELETE FROM auth.sign_ins WHERE model = $1 AND grant_id = $2", [model, hash(grantId)]);
      },
    };
  };
}

/**
 * Only the first request can use a code or refresh token. Two concurrent requests may both pass the library's own
 * check. The second one then revokes everything issued for the grant, as RFC 6749 section 4.1.2 requires.
 */
async function consume(queries: Queries, model: string, id: Buffer): Promise<void> {
  const first = await queries.execute(
    "UPDATE auth.sign_ins SET consumed_at = now() WHERE model = $1 AND id = $2 AND consumed_at IS NULL",
    [model, id],
  );
  if (first > 0) return;
  const [row] = await queries.query(grantRow, "SELECT grant_id FROM auth.sign_ins WHERE model = $1 AND id = $2", [
    model,
    id,
  ]);
  const grantId = row?.grant_id ?? null;
  if (grantId !== null) {
    await queries.execute("DELETE FROM auth.sign_ins WHERE grant_id = $1 OR (model = 'Grant' AND id = $1)", [grantId]);
  }
  throw new errors.InvalidGrant("already used");
}

async function removeExpired(queries: Queries): Promise<void> {
  await queries.execute(
    `DELETE FROM auth.sign_ins WHERE (model, id) IN (SELECT model, id FROM auth.sign_ins WHERE expires_at <= now()
     LIMIT ${EXPIRED_ROWS_PER_CLEANING_MAX} FOR UPDATE SKIP LOCKED)`,
    [],
  );
}

const hash = (value: string): Buffer => createHash("sha256").update(value).digest();

const hashOrNull = (value: string | undefined): Buffer | null => (value === undefined ? null : hash(value));

const contextOf = (model: string, id: Uint8Array): string => `${model} ${Buffer.from(id).toString("hex")}`;
