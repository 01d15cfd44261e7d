import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import { openBytes, sealBytes } from "@tripline/service-kit/seal-bytes";
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
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
  /** The key that signs. */
  readonly activeKid: string;
  /** Every key a token can still be signed with, the active one first. */
  readonly keys: readonly SigningKey[];
}

const keyRow = z.object({ kid: z.string(), wrapped_private_jwk: z.instanceof(Uint8Array), retired: z.boolean() });
const kidRow = z.object({ kid: z.string() });

/**
 * Creates the first signing key if there is none. Callers hold the migration lock, so that instances that start together
 * create one key.
 *
 * @param wrappingKey 32 bytes
 */
export async function ensureSigningKey(transaction: Queries, wrappingKey: Uint8Array): Promise<void> {
  const rows = await transaction.query(kidRow, "SELECT kid FROM auth.signing_keys WHERE retired_at IS NULL LIMIT 1");
  if (rows.length > 0) return;
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = privateJwk.parse(await exportJWK(privateKey));
  const kid = await calculateJwkThumbprint(jwk);
  const wrapped = sealBytes(Buffer.from(JSON.stringify(jwk)), wrappingKey, kid);
  await transaction.execute("INSERT INTO auth.signing_keys (kid, wrapped_private_jwk) VALUES ($1, $2)", [kid, wrapped]);
}

/**
 * The keys to sign with and to publish. A retired key stays published for as long as a token that it signed can live.
 *
 * @throws TriplineError `config-invalid` when `wrappingKey` is not the one the keys were stored under
 */
export async function loadSigningKeys(
  queries: Queries,
  wrappingKey: Uint8Array,
  tokenTtlSeconds: number,
): Promise<SigningKeys> {
  const rows = await queries.query(
    keyRow,
    `SELECT kid, wrapped_private_jwk, retired_at IS NOT NULL AS retired FROM auth.signing_keys
     WHERE retired_at IS NULL OR retired_at > now() - make_interval(secs => $1)
     ORDER BY retired_at IS NOT NULL, created_at DESC, kid`,
    [tokenTtlSeconds],
  );
  const active = rows[0];
  if (active === undefined || active.retired) {
    throw new TriplineError("internal", "The database holds no signing key that is in use.");
  }
  const keys = rows.map(({ kid, wrapped_private_jwk }) => unwrap(kid, wrapped_private_jwk, wrappingKey));
  return { activeKid: active.kid, keys };
}

function unwrap(kid: string, wrapped: Uint8Array, wrappingKey: Uint8Array): SigningKey {
  const plaintext = openBytes(wrapped, wrappingKey, kid);
  if (plaintext === undefined) {
    throw new TriplineError(
      "config-invalid",
      `KEY_ENCRYPTION_KEY does not open the signing key ${kid} in the database: start with the one it was stored under.`,
    );
  }
  const jwk = privateJwk.parse(JSON.parse(plaintext.toString("utf8")));
  return { ...jwk, kid, alg: "ES256", use: "sig" };
}
