import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Adapter, AdapterPayload } from "oidc-provider";
import { errors } from "oidc-provider";
import { z } from "zod";
import { isSensitiveScope } from "../admin/grants/needs-second-admin.js";
import { CLIENT_ID_PATTERN } from "../clients/client-registration.js";

const clientRow = z.object({
  client_id: z.string(),
  tenant: z.string(),
  auth_method: z.enum(["client_secret_basic", "private_key_jwt"]),
  secret_hash: z.string().nullable(),
  jwks: z.object({ keys: z.array(z.looseObject({ kty: z.string() })) }).nullable(),
  scopes: z.array(z.string()),
  redirect_uris: z.array(z.string()),
  signed_out_uris: z.array(z.string()),
  /** Also null if the owner is locked, because nobody is then responsible for the client. */
  owner: z.string().nullable(),
  has_lost_owner: z.boolean(),
  is_of_tenant: z.boolean(),
});

/** Scopes that a sign-in client can request in addition to those of the API. */
export const OPENID_SCOPES = ["openid", "profile", "offline_access"] as const;

const EXPIRED_ROWS_PER_CLEANING_MAX = 100;

export interface LookupWatch {
  /** Called before a client is looked up; an error stops the request. */
  onLookup(clientId: string): void;
  /** Called if the client does not exist or has no secret. */
  onNoSecret(): Promise<void>;
}

/**
 * Storage for oidc-provider in Postgres: clients, IDs of used client assertions, and sign-in state. Access tokens are
 * JWTs and are not stored.
 *
 * @param signIns for the models of a sign-in
 * @param watch called for every client lookup
 */
export function storeAdapter(
  queries: Queries,
  signIns: (model: string) => Adapter,
  watch: LookupWatch,
): (model: string) => Adapter {
  return (model) => {
    switch (model) {
      case "Client":
        return { ...nothingStored(model), find: (clientId) => findClient(queries, clientId, watch) };
      case "ReplayDetection":
        return {
          ...nothingStored(model),
          // A lookup finds nothing, because reuse is detected when the ID is stored. If lookups decided, two
          // instances could accept the same assertion.
          find: async () => undefined,
          upsert: (id, _payload, expiresInSeconds) => useAssertion(queries, id, expiresInSeconds ?? 0),
        };
      case "Session":
      case "Interaction":
      case "Grant":
      case "AuthorizationCode":
      case "RefreshToken":
      // Only called to delete the tokens of a grant, which are not stored.
      case "AccessToken":
        return signIns(model);
      default:
        return nothingStored(model);
    }
  };
}

const SPEAKS_FOR_ITSELF: AdapterPayload = { grant_types: ["client_credentials"], response_types: [] };

const SIGNS_PEOPLE_IN: AdapterPayload = {
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  // Other modes respond with a form that needs a script.
  response_modes: ["query"],
  require_auth_time: true,
};

async function findClient(queries: Queries, clientId: string, watch: LookupWatch): Promise<AdapterPayload | undefined> {
  watch.onLookup(clientId);
  const row = await readClient(queries, clientId);
  if (row?.secret_hash == null) await watch.onNoSecret();
  if (row === undefined) return undefined;
  return {
    client_id: row.client_id,
    tenant: row.tenant,
    ...(row.is_of_tenant ? { of_tenant: true } : {}),
    ...(row.owner === null ? {} : { owner: row.owner }),
    ...(row.redirect_uris.length === 0 ? SPEAKS_FOR_ITSELF : SIGNS_PEOPLE_IN),
    scope: [...(row.redirect_uris.length === 0 ? [] : OPENID_SCOPES), ...row.scopes].join(" "),
    redirect_uris: row.redirect_uris,
    post_logout_redirect_uris: row.signed_out_uris,
    token_endpoint_auth_method: row.auth_method,
    // The library expects a secret. This is its hash, which `compareClientSecret` expects.
    ...(row.secret_hash === null ? {} : { client_secret: row.secret_hash }),
    ...(row.jwks === null ? {} : { jwks: row.jwks }),
  };
}

async function readClient(queries: Queries, clientId: string): Promise<z.infer<typeof clientRow> | undefined> {
  if (!CLIENT_ID_PATTERN.test(clientId)) return undefined;
  const [row] = await queries.query(
    clientRow,
    `SELECT client_id, clients.tenant, auth_method, secret_hash, jwks, scopes, redirect_uris, signed_out_uris, is_of_tenant,
       person_id AS owner, owner IS NOT NULL AND person_id IS NULL AS has_lost_owner
     FROM auth.clients LEFT JOIN auth.people ON person_id = owner AND people.disabled_at IS NULL
     WHERE client_id = $1 AND clients.disabled_at IS NULL`,
    [clientId],
  );
  if (row?.has_lost_owner !== true) return row;
  // If the owner is disabled or deleted, the client can still send payments but no longer take part in approvals.
  const scopes = row.scopes.filter((scope) => !isSensitiveScope(scope));
  return scopes.length === 0 ? undefined : { ...row, scopes };
}

async function useAssertion(queries: Queries, id: string, expiresInSeconds: number): Promise<void> {
  const stored = await queries.execute(
    `INSERT INTO auth.used_assertions (id, expires_at) VALUES ($1, now() + make_interval(secs => $2))
     ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
     WHERE auth.used_assertions.expires_at <= now()`,
    [id, expiresInSeconds],
  );
  if (stored === 0) throw new errors.InvalidClientAuth("client assertion tokens must only be used once");
  await queries.execute(
    `DELETE FROM auth.used_assertions WHERE id IN (SELECT id FROM auth.used_assertions WHERE expires_at <= now()
     LIMIT ${EXPIRED_ROWS_PER_CLEANING_MAX} FOR UPDATE SKIP LOCKED)`,
    [],
  );
}

/** For models of disabled grants. A call indicates an error in the provider's configuration. */
function nothingStored(model: string): Adapter {
  const refuse = (): Promise<never> => Promise.reject(new Error(`no ${model} is stored here`));
  return {
    upsert: refuse,
    find: refuse,
    findByUserCode: refuse,
    findByUid: refuse,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: refuse,
  };
}
