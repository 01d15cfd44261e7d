import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { canonicalUserName } from "../people/canonical-user-name.js";
import type { IdentityProvider } from "./provider-store.js";

/** The provider's name for a user, without the tenant prefix and the number. */
export const PROVIDER_NAME = `CASE WHEN user_name LIKE '%:%' THEN split_part(user_name, ':', 2) ELSE user_name END`;

const IS_MATCH = "CASE WHEN $2 THEN external_id IS NOT DISTINCT FROM $3 ELSE provider_subject IS NULL END";

const candidateRow = z.object({ person_id: z.string(), is_disabled: z.boolean(), is_match: z.boolean() });

/**
 * Links a first sign-in to the user that the provider sent by SCIM, even if the provider has deleted that user.
 *
 * @returns undefined if the provider sent no such user
 * @throws TriplineError `sign-in-failed` if it sent a user with this name but another ID: a second account for the same
 *   person would not be disabled when the provider deactivates the first
 */
export async function linkProvisioned(
  transaction: Queries,
  { tenant, issuer, subject_claim: claim, provisioning_match: match }: IdentityProvider,
  { subject, userName }: { readonly subject: string; readonly userName: string },
): Promise<{ readonly person_id: string; readonly is_disabled: boolean } | undefined> {
  const candidates = await transaction.query(
    candidateRow,
    `SELECT person_id, disabled_at IS NOT NULL AS is_disabled,
       ${IS_MATCH} AS is_match FROM auth.people
     WHERE tenant = $1 AND ((${PROVIDER_NAME}) = $4 OR ($2 AND external_id = $3))
       AND (provisioned_at IS NOT NULL OR (deprovisioned_at IS NOT NULL AND ${IS_MATCH}))
     ORDER BY is_match DESC FOR UPDATE`,
    [tenant, match === "external_id", subject, canonicalUserName(userName)],
  );
  const [found] = candidates;
  if (found === undefined) return undefined;
  if (!found.is_match) {
    const detail =
      "Your account was provisioned with another ID. An administrator must check the provisioning_match setting.";
    throw new TriplineError("sign-in-failed", detail);
  }
  await transaction.execute(
    `UPDATE auth.people SET provider_issuer = $2, provider_subject_claim = $3, provider_subject = $4
     WHERE person_id = $1`,
    [found.person_id, issuer, claim, subject],
  );
  return found;
}

/** Whether the provider sends groups by SCIM. */
export async function hasProvisionedGroups(queries: Queries, tenant: string): Promise<boolean> {
  const found = await queries.query(z.unknown(), "SELECT 1 FROM auth.scim_groups WHERE tenant = $1 LIMIT 1", [tenant]);
  return found.length > 0;
}
