import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { PROVIDER_NAME } from "../../single-sign-on/link-provisioned.js";
import type { Page, ScimResource } from "../scim-resource.js";
import { SCIM_PATH, USER_SCHEMA } from "../scim-resource.js";

const userRow = z.object({
  person_id: z.string(),
  user_name: z.string(),
  provider_name: z.string(),
  name: z.string(),
  external_id: z.string().nullable(),
  provider_subject: z.string().nullable(),
  is_linked: z.boolean(),
  is_active: z.boolean(),
  is_provisioned: z.boolean(),
  is_deprovisioned: z.boolean(),
  created_at: z.date(),
  groups: z.array(z.object({ value: z.string(), display: z.string() })),
});

/** A user whom the tenant's provider manages, or who has signed in with it. */
export type ScimUser = z.infer<typeof userRow>;

/** Whether the subject was issued by the current provider. */
const IS_LINKED = "provider_issuer = issuer AND provider_subject_claim = subject_claim";
const COLUMNS = `person_id, user_name, (${PROVIDER_NAME}) AS provider_name, name, external_id, provider_subject,
  coalesce(${IS_LINKED}, false) AS is_linked,
  disabled_at IS NULL AS is_active, provisioned_at IS NOT NULL AS is_provisioned,
  deprovisioned_at IS NOT NULL AS is_deprovisioned, people.created_at,
  coalesce((SELECT jsonb_agg(jsonb_build_object('value', group_id, 'display', display_name) ORDER BY group_id)
    FROM auth.scim_members JOIN auth.scim_groups USING (group_id)
    WHERE scim_members.person_id = people.person_id), '[]') AS groups`;
const FROM = "FROM auth.people JOIN auth.identity_providers USING (tenant)";
/** Users with a password are invisible to the provider. */
export const VISIBLE = `tenant = $1 AND (provisioned_at IS NOT NULL OR (disabled_at IS NULL AND ${IS_LINKED}))`;

/** Searchable attributes in lower case, with their columns. User names are in lower case. */
const FOUND_BY: Readonly<Record<string, string>> = {
  id: "person_id =",
  username: `(${PROVIDER_NAME}) = lower`,
  externalid: "external_id =",
};
export const USER_FILTERS = Object.keys(FOUND_BY);

export async function listUsers(
  queries: Queries,
  tenant: string,
  wanted: ReadonlyMap<string, string>,
  { offset, limit }: Page,
): Promise<{ readonly users: ScimUser[]; readonly total: number }> {
  const conditions = [...wanted.keys()].map((name, index) => ` AND ${FOUND_BY[name]} ($${index + 2}::text)`).join("");
  const values = [tenant, ...wanted.values()];
  const [counted] = await queries.query(
    z.object({ total: z.coerce.number() }),
    `SELECT count(*) AS total ${FROM} WHERE ${VISIBLE}${conditions}`,
    values,
  );
  const users = await queries.query(
    userRow,
    `SELECT ${COLUMNS} ${FROM} WHERE ${VISIBLE}${conditions} ORDER BY people.created_at, person_id
     OFFSET ${offset} LIMIT ${limit}`,
    values,
  );
  return { users, total: counted?.total ?? 0 };
}

/** @param lock `FOR UPDATE OF people` locks the user until the transaction ends */
export async function findUser(
  queries: Queries,
  tenant: string,
  id: string,
  lock: "FOR UPDATE OF people" | "" = "",
): Promise<ScimUser | undefined> {
  const sql = `SELECT ${COLUMNS} ${FROM} WHERE ${VISIBLE} AND person_id = $2 ${lock}`;
  const [row] = await queries.query(userRow, sql, [tenant, id]);
  return row;
}

/** Whether another user of the provider has this name or external ID, or has signed in with the ID as subject. */
export async function isTaken(
  queries: Queries,
  tenant: string,
  { userName, externalId }: { readonly userName?: string | undefined; readonly externalId?: string | null | undefined },
  except: string,
): Promise<boolean> {
  const found = await queries.query(
    z.unknown(),
    `SELECT 1 ${FROM} WHERE person_id <> $2
       AND ((${VISIBLE} AND (${PROVIDER_NAME}) = $3) OR (tenant = $1 AND external_id = $4)
         OR (${VISIBLE} AND provisioning_match = 'external_id' AND ${IS_LINKED} AND provider_subject = $4)) LIMIT 1`,
    [tenant, except, userName ?? null, externalId ?? null],
  );
  return found.length > 0;
}

/** @param issuer URL of this service, under which the provider calls the API */
export function showUser(issuer: string, user: ScimUser): ScimResource {
  const { person_id: id, external_id: externalId, name, created_at: created, groups } = user;
  return {
    schemas: [USER_SCHEMA],
    id,
    ...(externalId === null ? {} : { externalId }),
    userName: user.provider_name,
    displayName: name,
    name: { formatted: name },
    active: user.is_active,
    groups,
    meta: { resourceType: "User", created, location: `${issuer}${SCIM_PATH}/Users/${id}` },
  };
}
