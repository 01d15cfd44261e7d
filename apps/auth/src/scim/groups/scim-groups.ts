import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { notFound } from "../../admin/admin-action.js";
import { noteAction } from "../../admin/note-action.js";
import type { IdentityProvider } from "../../single-sign-on/provider-store.js";
import { syncRoles } from "../../single-sign-on/sync-roles.js";
import type { ScimCaller } from "../scim.guard.js";
import { ScimChanges } from "../scim-changes.js";
import { ScimFault } from "../scim-fault.js";
import { scimActor } from "../users/change-user.js";
import { VISIBLE } from "../users/user-store.js";
import type { GroupChanges, MemberChange } from "./group-changes.js";
import { MEMBERS_MAX } from "./group-changes.js";
import type { ScimGroup } from "./group-store.js";
import { findGroup } from "./group-store.js";

const GROUPS_MAX = 1_000;

/** Changes that a tenant's identity provider makes to its groups. The roles of members change immediately. */
@Injectable()
export class ScimGroups {
  constructor(@Inject(ScimChanges) private readonly changes: ScimChanges) {}

  /** @throws ScimFault `uniqueness`, `invalidValue` */
  create(caller: ScimCaller, changes: GroupChanges): Promise<ScimGroup> {
    return this.changes.make(caller, async (transaction, provider) => {
      const { tenant } = caller;
      const { displayName, externalId = null } = changes;
      if (displayName === undefined) throw new ScimFault("invalidValue", "displayName is missing.");
      await refuseTaken(transaction, tenant, "", { displayName, externalId });
      await checkRoom(transaction, tenant);
      const id = randomUUID();
      await transaction.execute(
        "INSERT INTO auth.scim_groups (group_id, tenant, external_id, display_name) VALUES ($1, $2, $3, $4)",
        [id, tenant, externalId, displayName],
      );
      await noteAction(transaction, scimActor(tenant), "add", { kind: "group", id });
      return { done: await changeGroup(transaction, provider, id, { members: changes.members }) };
    });
  }

  /** @throws TriplineError `not-found`; ScimFault `uniqueness`, `invalidValue` */
  change(caller: ScimCaller, id: string, changes: GroupChanges): Promise<ScimGroup> {
    return this.changes.make(caller, async (transaction, provider) => ({
      done: await changeGroup(transaction, provider, id, changes),
    }));
  }

  /** @throws TriplineError `not-found` */
  remove(caller: ScimCaller, id: string): Promise<void> {
    return this.changes.make(caller, async (transaction, provider) => {
      const { tenant } = caller;
      const group = await existing(transaction, tenant, id);
      const members = group.members.map(({ value }) => value);
      await forgetGroup(transaction, group, members);
      await transaction.execute("DELETE FROM auth.scim_groups WHERE group_id = $1", [id]);
      const by = scimActor(tenant);
      await noteAction(transaction, by, "remove", { kind: "group", id });
      await syncRoles(transaction, by, provider, members);
      return { done: undefined };
    });
  }
}

async function existing(transaction: Queries, tenant: string, id: string): Promise<ScimGroup> {
  const group = await findGroup(transaction, tenant, id);
  if (group === undefined) throw notFound("group");
  return group;
}

async function changeGroup(
  transaction: Queries,
  provider: IdentityProvider,
  id: string,
  { displayName, externalId, members }: GroupChanges,
): Promise<ScimGroup> {
  const { tenant } = provider;
  const before = await existing(transaction, tenant, id);
  const wanted = {
    displayName: displayName ?? before.display_name,
    externalId: externalId === undefined ? before.external_id : externalId,
  };
  const isRenamed = wanted.displayName !== before.display_name || wanted.externalId !== before.external_id;
  const old = before.members.map(({ value }) => value);
  if (isRenamed) {
    await refuseTaken(transaction, tenant, id, wanted);
    await transaction.execute("UPDATE auth.scim_groups SET display_name = $2, external_id = $3 WHERE group_id = $1", [
      id,
      wanted.displayName,
      wanted.externalId,
    ]);
  }
  for (const change of members) await changeMembers(transaction, tenant, id, change);
  const after = await existing(transaction, tenant, id);
  if (after.members.length > MEMBERS_MAX) {
    throw new ScimFault("invalidValue", `A group can have at most ${MEMBERS_MAX} members.`);
  }
  const current = after.members.map(({ value }) => value);
  const [added, removed] = [without(current, old), without(old, current)];
  await forgetGroup(transaction, before, isRenamed ? old : removed);
  const by = scimActor(tenant);
  if (isRenamed || added.length > 0 || removed.length > 0) {
    const details = { is_renamed: isRenamed, added: added.length, removed: removed.length };
    await noteAction(transaction, by, "change", { kind: "group", id, details });
  }
  await syncRoles(transaction, by, provider, isRenamed ? [...old, ...added] : [...added, ...removed]);
  return after;
}

function without(ids: readonly string[], excluded: readonly string[]): string[] {
  const known = new Set(excluded);
  return ids.filter((one) => !known.has(one));
}

async function changeMembers(transaction: Queries, tenant: string, id: string, { op, ids }: MemberChange) {
  if (op !== "add") {
    await transaction.execute(`DELETE FROM auth.scim_members WHERE group_id = $1 AND (person_id = ANY ($2)) = $3`, [
      id,
      ids,
      op === "remove",
    ]);
  }
  if (op === "remove" || ids.length === 0) return;
  const found = await transaction.query(
    z.object({ person_id: z.string() }),
    `SELECT person_id FROM auth.people JOIN auth.identity_providers USING (tenant)
     WHERE ${VISIBLE} AND person_id = ANY ($2)`,
    [tenant, ids],
  );
  if (found.length < ids.length) throw new ScimFault("invalidValue", "A member is not a user of this tenant.");
  await transaction.execute(
    "INSERT INTO auth.scim_members (group_id, person_id) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
    [id, ids],
  );
}

/** Also removes the group from members' last sign-ins. Otherwise, they would keep its role until they sign in. */
async function forgetGroup(transaction: Queries, group: ScimGroup, members: readonly string[]): Promise<void> {
  if (members.length === 0) return;
  await transaction.execute(
    `UPDATE auth.people SET provider_groups = array_remove(array_remove(provider_groups, $2), $3)
     WHERE person_id = ANY ($1)`,
    [members, group.display_name, group.external_id],
  );
}

async function refuseTaken(
  transaction: Queries,
  tenant: string,
  id: string,
  { displayName, externalId }: { readonly displayName: string; readonly externalId: string | null },
): Promise<void> {
  const found = await transaction.query(
    z.unknown(),
    `SELECT 1 FROM auth.scim_groups WHERE tenant = $1 AND group_id <> $2
       AND (lower(display_name) = lower($3) OR external_id = $4)`,
    [tenant, id, displayName, externalId],
  );
  if (found.length > 0) {
    throw new ScimFault("uniqueness", "Another group of the tenant has this displayName or externalId.");
  }
}

async function checkRoom(transaction: Queries, tenant: string): Promise<void> {
  const [row] = await transaction.query(
    z.object({ count: z.coerce.number() }),
    "SELECT count(*) FROM auth.scim_groups WHERE tenant = $1",
    [tenant],
  );
  if ((row?.count ?? 0) < GROUPS_MAX) return;
  throw new TriplineError("too-many-requests", `The tenant has ${GROUPS_MAX} groups, the maximum.`);
}
