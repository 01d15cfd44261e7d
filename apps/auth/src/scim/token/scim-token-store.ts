import { createHash, randomBytes } from "node:crypto";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Actor } from "../../admin/admin-action.js";
import { notFound } from "../../admin/admin-action.js";
import type { ScimTokenChange } from "../../admin/grants/grant-change.js";
import { noteAction } from "../../admin/note-action.js";
import { providerOf } from "../../single-sign-on/provider-store.js";

const TOKEN_BYTES = 32;
/** Lets secret scanners recognise the token. */
const PREFIX = "tripline_scim_";
const BEARER = /^Bearer ([\x21-\x7e]{1,256})$/i;

const listedRow = z.object({ tenant: z.string(), created_by: z.string(), created_at: z.date() });

/** A tenant's SCIM token as administrators see it. */
export type ListedScimToken = z.infer<typeof listedRow>;

export const newScimToken = (): string => PREFIX + randomBytes(TOKEN_BYTES).toString("base64url");

/** @returns SHA-256 in hex */
export const hashScimToken = (token: string): string => createHash("sha256").update(token).digest("hex");

export async function scimTokenOf(queries: Queries, tenant: string): Promise<ListedScimToken | undefined> {
  const [row] = await queries.query(
    listedRow,
    "SELECT tenant, created_by, created_at FROM auth.scim_tokens WHERE tenant = $1",
    [tenant],
  );
  return row;
}

/** The tenant of a request's token. @param authorization the header */
export async function tenantOfToken(queries: Queries, authorization: string | undefined): Promise<string | undefined> {
  const token = BEARER.exec(authorization ?? "")?.[1];
  if (token === undefined) return undefined;
  const [row] = await queries.query(
    z.object({ tenant: z.string() }),
    "SELECT tenant FROM auth.scim_tokens WHERE token_hash = decode($1, 'hex')",
    [hashScimToken(token)],
  );
  return row?.tenant;
}

/**
 * Sets or removes the tenant's SCIM token, and records the change for the audit log. The previous token stops working.
 *
 * @throws TriplineError `not-found` for a tenant without an identity provider, or without a token to remove
 */
export async function applyScimTokenChange(
  transaction: Queries,
  by: Actor,
  change: ScimTokenChange,
  details: object,
): Promise<ListedScimToken> {
  const { tenant } = by;
  if ((await providerOf(transaction, tenant)) === undefined) throw notFound("identity provider");
  const before = await scimTokenOf(transaction, tenant);
  if (change.action === "scim-token-set") {
    await transaction.execute(
      `INSERT INTO auth.scim_tokens (tenant, token_hash, created_by) VALUES ($1, decode($2, 'hex'), $3)
       ON CONFLICT (tenant) DO UPDATE SET token_hash = excluded.token_hash, created_by = excluded.created_by,
         created_at = now()`,
      [tenant, change.secret_hash, by.subject],
    );
  } else {
    await transaction.execute("DELETE FROM auth.scim_tokens WHERE tenant = $1", [tenant]);
  }
  const after = change.action === "scim-token-set" ? await scimTokenOf(transaction, tenant) : before;
  if (after === undefined) throw notFound("SCIM token");
  const action = change.action.replace("scim-token-", "");
  await noteAction(transaction, by, action, { kind: "scim-token", id: tenant, details });
  return after;
}
