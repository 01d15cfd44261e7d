import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Page, ScimResource } from "../scim-resource.js";
import { GROUP_SCHEMA, SCIM_PATH } from "../scim-resource.js";

const groupRow = z.object({
  group_id: z.string(),
  external_id: z.string().nullable(),
  display_name: z.string(),
  created_at: z.date(),
  members: z.array(z.object({ value: z.string(), display: z.string() })),
});

export type ScimGroup = z.infer<typeof groupRow>;

const MEMBERS = `coalesce((SELECT jsonb_agg(jsonb_build_object('value', person_id, 'display', name) ORDER BY person_id)
  FROM auth.scim_members JOIN auth.people USING (person_id) WHERE scim_members.group_id = scim_groups.group_id), '[]')`;

/** Search conditions for groups, by attribute in lower case. */
const FOUND_BY: Readonly<Record<string, (value: string) => string>> = {
  id: (value) => `group_id = ${value}`,
  displayname: (value) => `lower(display_name) = lower(${value})`,
  externalid: (value) => `external_id = ${value}`,
  members: (value) =>
    `EXISTS (SELECT 1 FROM auth.scim_members m WHERE m.group_id = scim_groups.group_id AND m.person_id = ${value})`,
};
export const GROUP_FILTERS = Object.keys(FOUND_BY);

const columns = (hasMembers: boolean): string =>
  `group_id, external_id, display_name, created_at, ${hasMembers ? MEMBERS : "'[]'::jsonb"} AS members`;

export async function listGroups(
  queries: Queries,
  tenant: string,
  wanted: ReadonlyMap<string, string>,
  { offset, limit }: Page,
  hasMembers: boolean,
): Promise<{ readonly groups: ScimGroup[]; readonly total: number }> {
  const conditions = [...wanted.keys()].map((name, index) => ` AND ${FOUND_BY[name]?.(`$${index + 2}::text`)}`);
  const where = `WHERE tenant = $1${conditions.join("")}`;
  const values = [tenant, ...wanted.values()];
  const [counted] = await queries.query(
    z.object({ total: z.coerce.number() }),
    `SELECT count(*) AS total FROM auth.scim_groups ${where}`,
    values,
  );
  const groups = await queries.query(
    groupRow,
    `SELECT ${columns(hasMembers)} FROM auth.scim_groups ${where} ORDER BY created_at, group_id
     OFFSET ${offset} LIMIT ${limit}`,
    values,
  );
  return { groups, total: counted?.total ?? 0 };
}

export async function findGroup(queries: Queries, tenant: string, id: string): Promise<ScimGroup | undefined> {
  const [row] = await queries.query(
    groupRow,
    `SELECT ${columns(true)} FROM auth.scim_groups WHERE tenant = $1 AND group_id = $2`,
    [tenant, id],
  );
  return row;
}

/** @param issuer URL of this service, under which the provider calls the API */
export function showGroup(issuer: string, group: ScimGroup): ScimResource {
  const { group_id: id, external_id: externalId, display_name: displayName, created_at: created, members } = group;
  return {
    schemas: [GROUP_SCHEMA],
    id,
    ...(externalId === null ? {} : { externalId }),
    displayName,
    members,
    meta: { resourceType: "Group", created, location: `${issuer}${SCIM_PATH}/Groups/${id}` },
  };
}
