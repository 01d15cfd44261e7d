import { TriplineError } from "@tripline/contracts/error-table";
import { openBytes, sealBytes } from "@tripline/sealing/seal-bytes";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { JWTVerifyGetKey } from "jose";
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair } from "jose";
import { z } from "zod";

const privateJwk = z.object({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string(),
  y: z.string(),
  d: z.string(),
});

export interface SigningKey extends z.infer<typeof privateJwk> {
  readonly kid: string;
  readonly alg: "ES256";
  readonly use: "sig";
}

export interface SigningKeys {
  /** The current signing key. */
  readonly activeKid: string;
  /** Keys of all tokens that may still be valid, the active key first. */
  readonly keys: readonly SigningKey[];
}

/**
 * How long a new key is published before it signs. By then, every instance has read it (within KEYS_POLL_MS), and
 * services have been able to fetch it, although they wait at least 5 s between two requests for an unknown key.
 */
const PUBLISHED_FIRST_SECONDS = 20;
/** How long the old key remains valid for signing, until every instance has read that the new one is active. */
const HANDOVER_SECONDS = 10;
export const KEYS_POLL_MS = 5_000;

const keyRow = z.object({ kid: z.string(), wrapped_private_jwk: z.instanceof(Uint8Array), signs: z.boolean() });
const kidRow = z.object({ kid: z.string() });

/**
 * Creates the first signing key if there is none. Callers hold the migration lock, so that instances that start together
 * create one key.
 *
 * @param wrappingKey 32 bytes
 */
export async function ensureSigningKey(transaction: Queries, wrappingKey: Uint8Array): Promise<void> {
  const rows = await transaction.query(
    kidRow,
    "SELECT kid FROM auth.signing_keys WHERE retired_at IS NULL OR retired_at > now() LIMIT 1",
  );
  if (rows.length === 0) await addKey(transaction, wrappingKey, 0);
}

/**
 * Rotates the signing key so that services always know the key in use. Call it in a transaction. Running instances pick
 * up the new key automatically.
 *
 * @param wrappingKey 32 bytes, with which the current keys are encrypted
 * @throws TriplineError `config-invalid` for another wrapping key
 */
export async function rotateSigningKey(
  transaction: Queries,
  wrappingKey: Uint8Array,
): Promise<{ readonly kid: string; readonly activeFrom: Date }> {
  await transaction.execute("SELECT pg_advisory_xact_lock(hashtext('auth.signing_keys'))", []);
  await loadSigningKeys(transaction, wrappingKey, 0);
  await transaction.execute(
    "UPDATE auth.signing_keys SET retired_at = now() + make_interval(secs => $1) WHERE retired_at IS NULL",
    [PUBLISHED_FIRST_SECONDS + HANDOVER_SECONDS],
  );
  return addKey(transaction, wrappingKey, PUBLISHED_FIRST_SECONDS);
}

async function addKey(transaction: Queries, wrappingKey: Uint8Array, inSeconds: number) {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = privateJwk.parse(await exportJWK(privateKey));
  const kid = await calculateJwkThumbprint(jwk);
  const wrapped = sealBytes(Buffer.from(JSON.stringify(jwk)), wrappingKey, kid);
  const [row] = await transaction.query(
    z.object({ active_from: z.date() }),
    `INSERT INTO auth.signing_keys (kid, wrapped_private_jwk, active_from)
     VALUES ($1, $2, now() + make_interval(secs => $3)) RETURNING active_from`,
    [kid, wrapped, inSeconds],
  );
  if (row === undefined) throw new TriplineError("internal", "The signing key was not stored.");
  return { kid, activeFrom: row.active_from };
}

/**
 * The keys to sign with and to publish. A retired key stays published until all tokens signed with it have expired.
 *
 * @throws TriplineError `config-invalid` if the keys were encrypted with another `wrappingKey`
 */
export async function loadSigningKeys(
  queries: Queries,
  wrappingKey: Uint8Array,
  tokenTtlSeconds: number,
): Promise<SigningKeys> {
  const rows = await queries.query(
    keyRow,
    `SELECT kid, wrapped_private_jwk, active_from <= clock_timestamp() AND (retired_at IS NULL OR retired_at > clock_timestamp()) AS signs
     FROM auth.signing_keys WHERE retired_at IS NULL OR retired_at > now() - make_interval(secs => $1)
     ORDER BY signs DESC, active_from DESC, created_at DESC, kid`,
    [tokenTtlSeconds],
  );
  const active = rows[0];
  if (active?.signs !== true) {
    throw new TriplineError("internal", "The database contains no active signing key.");
  }
  const keys = rows.map(({ kid, wrapped_private_jwk }) => unwrap(kid, wrapped_private_jwk, wrappingKey));
  return { activeKid: active.kid, keys };
}

/** The public keys, for verifying tokens. */
export function publicKeys({ keys }: SigningKeys): JWTVerifyGetKey {
  return createLocalJWKSet({ keys: keys.map(({ d: _private, ...key }) => key) });
}

function unwrap(kid: string, wrapped: Uint8Array, wrappingKey: Uint8Array): SigningKey {
  const plaintext = openBytes(wrapped, wrappingKey, kid);
  if (plaintext === undefined) {
    throw new TriplineError(
      "config-invalid",
      `KEY_ENCRYPTION_KEY cannot decrypt the signing key ${kid} in the database. Set it to the key with which the signing key ` +
        "was encrypted.",
    );
  }
  const jwk = privateJwk.parse(JSON.parse(plaintext.toString("utf8")));
  return { ...jwk, kid, alg: "ES256", use: "sig" };
}
