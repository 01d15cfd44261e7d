import { SERVICE_SCOPES } from "@tripline/contracts/roles";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ClientRegistration } from "./client-registration.js";
import { clientRegistration } from "./client-registration.js";
import { hashSecret, matchesHash } from "./hash-secret.js";
import { refuseRegistration } from "./refuse-registration.js";

const hashRow = z.object({ secret_hash: z.string().nullable() });

/** A stored client, with a hash of its secret or with keys. */
export interface StoredClient {
  readonly client_id: string;
  readonly tenant: string;
  readonly scopes: readonly string[];
  readonly secret_hash: string | null;
  readonly jwks: unknown;
  readonly redirect_uris: readonly string[];
  readonly signed_out_uris: readonly string[];
  /** Whether it signs in only users of its own tenant. */
  readonly is_of_tenant?: boolean;
  /** The id of the user who owns it. */
  readonly owner: string | null;
}

/** @throws TriplineError `invalid-field`, which names every invalid field */
export function parseClient(registration: ClientRegistration): z.output<typeof clientRegistration> {
  const parsed = clientRegistration.safeParse(registration);
  if (parsed.success) return parsed.data;
  throw refuseRegistration("The client", parsed.error.issues);
}

/**
 * Registers a client, or replaces the tenant, the scopes, and the secret or keys of a registered one.
 *
 * @param owner the ID of the user who owns it; the user name in the registration is ignored
 * @throws TriplineError `invalid-field`, which names every invalid field
 */
export async function registerClient(
  queries: Queries,
  registration: ClientRegistration,
  owner: string | null = null,
): Promise<void> {
  const { client_secret: secret, jwks, ...client } = parseClient(registration);
  const secret_hash = secret === undefined ? null : await hashFor(queries, client.client_id, secret);
  await storeClient(queries, { ...client, secret_hash, jwks: jwks ?? null, owner });
}

/**
 * Registers the client that the console uses to send the labels of users who have signed out. Its scope cannot be
 * requested in a registration.
 */
export async function registerLabelsClient(queries: Queries, secret: string): Promise<void> {
  const client_id = "tripline-console-labels";
  const secret_hash = await hashFor(queries, client_id, secret);
  const keys = { secret_hash, jwks: null, owner: null };
  const rights = { scopes: SERVICE_SCOPES, redirect_uris: [], signed_out_uris: [] };
  await storeClient(queries, { client_id, tenant: "tripline", ...keys, ...rights });
}

/** A disabled client stays disabled. A client with an owner keeps the owner unless a new one is given. */
export async function storeClient(queries: Queries, client: StoredClient): Promise<void> {
  const { jwks } = client;
  await queries.execute(
    `INSERT INTO auth.clients AS held
       (client_id, tenant, auth_method, secret_hash, jwks, scopes, redirect_uris, signed_out_uris, owner, is_of_tenant)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (client_id) DO UPDATE SET tenant = excluded.tenant, auth_method = excluded.auth_method,
       secret_hash = excluded.secret_hash, jwks = excluded.jwks, scopes = excluded.scopes,
       redirect_uris = excluded.redirect_uris, signed_out_uris = excluded.signed_out_uris,
       is_of_tenant = excluded.is_of_tenant,
       owner = coalesce(excluded.owner, CASE WHEN held.tenant = excluded.tenant THEN held.owner END)`,
    [
      client.client_id,
      client.tenant,
      jwks === null ? "client_secret_basic" : "private_key_jwt",
      client.secret_hash,
      jwks === null ? null : JSON.stringify(jwks),
      client.scopes,
      client.redirect_uris,
      client.signed_out_uris,
      client.owner,
      client.is_of_tenant ?? false,
    ],
  );
}

/** An unchanged secret keeps its hash, so that the caches of running instances stay valid. */
async function hashFor(queries: Queries, clientId: string, secret: string): Promise<string> {
  const [row] = await queries.query(hashRow, "SELECT secret_hash FROM auth.clients WHERE client_id = $1", [clientId]);
  const stored = row?.secret_hash ?? undefined;
  if (stored !== undefined && (await matchesHash(secret, stored))) return stored;
  return hashSecret(secret);
}
