import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import { z } from "zod";
import { ownerNamed } from "./client-owner.js";
import type { ClientRegistration } from "./client-registration.js";
import { clientRegistration } from "./client-registration.js";
import { hashSecret, matchesHash } from "./hash-secret.js";
import { refuseRegistration } from "./refuse-registration.js";

const hashRow = z.object({ secret_hash: z.string().nullable() });

/**
 * Registers a client, or gives a registered one this tenant, these scopes and this secret or these keys. A
 * client that was disabled stays disabled, and one that has an owner keeps the owner unless another is named.
 *
 * @param creator the id of the user who owns the client unless the registration names another
 * @throws TriplineError `invalid-field` that names every wrong field
 */
export async function registerClient(
  queries: Queries,
  registration: ClientRegistration,
  creator?: string,
): Promise<void> {
  const parsed = clientRegistration.safeParse(registration);
  if (!parsed.success) throw refuseRegistration("The client", parsed.error.issues);
  const { client_id, tenant, scopes, client_secret, jwks, redirect_uris, signed_out_uris, owner } = parsed.data;
  const secretHash = client_secret === undefined ? null : await hashFor(queries, client_id, client_secret);
  const ownerId = owner === undefined ? creator : await ownerNamed(queries, tenant, owner);
  await queries.execute(
    `INSERT INTO auth.clients AS held (client_id, tenant, auth_method, secret_hash, jwks, scopes, redirect_uris, signed_out_uris, owner)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (client_id) DO UPDATE SET tenant = excluded.tenant, auth_method = excluded.auth_method,
       secret_hash = excluded.secret_hash, jwks = excluded.jwks, scopes = excluded.scopes,
       redirect_uris = excluded.redirect_uris, signed_out_uris = excluded.signed_out_uris,
       owner = coalesce(excluded.owner, CASE WHEN held.tenant = excluded.tenant THEN held.owner END)`,
    [
      client_id,
      tenant,
      jwks === undefined ? "client_secret_basic" : "private_key_jwt",
      secretHash,
      jwks === undefined ? null : JSON.stringify(jwks),
      scopes,
      redirect_uris,
      signed_out_uris,
      ownerId ?? null,
    ],
  );
}

/** An unchanged secret keeps its hash, so that running instances still remember that it is right. */
async function hashFor(queries: Queries, clientId: string, secret: string): Promise<string> {
  const [row] = await queries.query(hashRow, "SELECT secret_hash FROM auth.clients WHERE client_id = $1", [clientId]);
  const stored = row?.secret_hash ?? undefined;
  if (stored !== undefined && (await matchesHash(secret, stored))) return stored;
  return hashSecret(secret);
}
