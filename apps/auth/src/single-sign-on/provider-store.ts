import { TriplineError } from "@tripline/contracts/error-table";
import { openBytes, sealBytes } from "@tripline/sealing/seal-bytes";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { deriveKey } from "../provider/derive-key.js";
import { providerSettings } from "./provider-settings.js";

const providerRow = providerSettings.extend({
  tenant: z.string(),
  client_secret: z.instanceof(Uint8Array),
  changed_at: z.date(),
  break_glass_id: z.string().nullable(),
});

/** A tenant's identity provider. */
export type IdentityProvider = z.infer<typeof providerRow>;

/** An identity provider as administrators see it. */
export type ListedProvider = Omit<IdentityProvider, "client_secret" | "break_glass_id">;

const SELECT = `SELECT tenant, issuer, client_id, client_secret, scope, domains, subject_claim, user_name_claim, roles_claim,
  role_mapping, provisioning_match, required_claims, is_enforced, changed_at, break_glass AS break_glass_id,
  (SELECT user_name FROM auth.people WHERE person_id = break_glass) AS break_glass
  FROM auth.identity_providers`;

/** A separate error code, because the console answers `not-found` for paths that it does not forward. */
export const noProvider = (): TriplineError =>
  new TriplineError("provider-not-found", "This tenant has no identity provider.");

export const settingsChanged = (): TriplineError =>
  new TriplineError("sign-in-failed", "The settings of your identity provider have changed. Start again.");

export async function providerOf(queries: Queries, tenant: string): Promise<IdentityProvider | undefined> {
  const [row] = await queries.query(providerRow, `${SELECT} WHERE tenant = $1`, [tenant]);
  return row;
}

/** @param domain of an e-mail address, in lower case */
export async function providerOfDomain(queries: Queries, domain: string): Promise<IdentityProvider | undefined> {
  const [row] = await queries.query(providerRow, `${SELECT} WHERE $1 = ANY (domains)`, [domain]);
  return row;
}

/** Whether any tenant has a provider, so that the sign-in page offers it. */
export async function hasProviders(queries: Queries): Promise<boolean> {
  const found = await queries.query(z.unknown(), "SELECT 1 FROM auth.identity_providers LIMIT 1", []);
  return found.length > 0;
}

export function listedProvider({
  client_secret: _secret,
  break_glass_id: _id,
  ...listed
}: IdentityProvider): ListedProvider {
  return listed;
}

/** Stores an identity provider. */
export async function storeProvider(
  transaction: Queries,
  provider: Omit<IdentityProvider, "changed_at" | "break_glass">,
): Promise<void> {
  const { tenant, issuer, client_id, client_secret, scope, domains, subject_claim, user_name_claim } = provider;
  const { roles_claim, role_mapping, required_claims, is_enforced, break_glass_id, provisioning_match } = provider;
  await transaction.execute(
    `INSERT INTO auth.identity_providers (tenant, issuer, client_id, client_secret, scope, domains, subject_claim,
       user_name_claim, roles_claim, role_mapping, required_claims, is_enforced, break_glass, provisioning_match)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
     ON CONFLICT (tenant) DO UPDATE SET issuer = excluded.issuer, client_id = excluded.client_id,
       client_secret = excluded.client_secret, scope = excluded.scope, domains = excluded.domains,
       subject_claim = excluded.subject_claim, user_name_claim = excluded.user_name_claim,
       roles_claim = excluded.roles_claim, role_mapping = excluded.role_mapping,
       required_claims = excluded.required_claims, is_enforced = excluded.is_enforced,
       break_glass = excluded.break_glass, provisioning_match = excluded.provisioning_match, changed_at = now()`,
    [
      ...[tenant, issuer, client_id, client_secret, scope, domains, subject_claim, user_name_claim, roles_claim],
      ...[JSON.stringify(role_mapping), JSON.stringify(required_claims), is_enforced, break_glass_id],
      provisioning_match,
    ],
  );
}

/** Seals the client secrets of providers, each for its tenant. */
export class ProviderSecrets {
  readonly #key: Uint8Array;

  constructor(keyEncryptionKey: Uint8Array) {
    this.#key = deriveKey(keyEncryptionKey, "identity providers");
  }

  seal(tenant: string, secret: string): Buffer {
    return sealBytes(Buffer.from(secret), this.#key, tenant);
  }

  /** @returns undefined if it was sealed under another key */
  open({ tenant, client_secret: sealed }: Pick<IdentityProvider, "tenant" | "client_secret">): string | undefined {
    return openBytes(sealed, this.#key, tenant)?.toString("utf8");
  }
}
