import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { notFound } from "../../admin/admin-action.js";
import { findListedPerson, PEOPLE_MAX } from "../../admin/listed-person.js";
import { noteAction } from "../../admin/note-action.js";
import { PROVIDER_NAME } from "../../single-sign-on/link-provisioned.js";
import { hasRoom, insertNamesake } from "../../single-sign-on/provider-people.js";
import type { IdentityProvider } from "../../single-sign-on/provider-store.js";
import type { ScimCaller } from "../scim.guard.js";
import { ScimChanges } from "../scim-changes.js";
import { ScimFault } from "../scim-fault.js";
import { changeUser, deactivate, scimActor, taken } from "./change-user.js";
import type { UserChanges } from "./user-changes.js";
import type { ScimUser } from "./user-store.js";
import { findUser, isTaken } from "./user-store.js";

const LOCK = "FOR UPDATE OF people";

/** Changes that a tenant's identity provider makes to its users. The changes of one tenant run one at a time. */
@Injectable()
export class ScimUsers {
  constructor(@Inject(ScimChanges) private readonly changes: ScimChanges) {}

  /**
   * Adds a user, or takes over one who has signed in before or was deleted.
   *
   * @throws ScimFault `uniqueness`, `invalidValue`
   */
  create(caller: ScimCaller, changes: UserChanges): Promise<ScimUser> {
    return this.changes.make(caller, async (transaction, provider) => {
      const { tenant } = caller;
      const { userName } = changes;
      if (userName === undefined) throw new ScimFault("invalidValue", "userName is missing.");
      const known = await adoptUser(transaction, provider, { ...changes, userName });
      const id = known ?? randomUUID();
      if (await isTaken(transaction, tenant, changes, id)) throw taken();
      if (known === undefined) await insertUser(transaction, tenant, id, userName);
      const details = { is_new: known === undefined };
      await noteAction(transaction, scimActor(tenant), "provision", { kind: "person", id, details });
      const refusal = await changeUser(transaction, provider, await lockUser(transaction, tenant, id), {
        ...changes,
        name: changes.name ?? userName,
        active: changes.active ?? true,
      });
      return { done: await lockUser(transaction, tenant, id), refusal };
    });
  }

  /** @throws TriplineError `not-found`, `last-admin`; ScimFault `uniqueness` */
  change(caller: ScimCaller, id: string, changes: UserChanges): Promise<ScimUser> {
    return this.changes.make(caller, async (transaction, provider) => {
      const { tenant } = caller;
      const refusal = await changeUser(transaction, provider, await lockUser(transaction, tenant, id), changes);
      return { done: await lockUser(transaction, tenant, id), refusal };
    });
  }

  /** Disables a user, who is then no longer visible to the provider. @throws TriplineError `not-found`, `last-admin` */
  remove(caller: ScimCaller, id: string): Promise<void> {
    return this.changes.make(caller, async (transaction) => {
      const { tenant } = caller;
      const user = await lockUser(transaction, tenant, id);
      const person = await findListedPerson(transaction, tenant, user.user_name, "FOR UPDATE");
      if (person === undefined) throw notFound("user");
      const by = scimActor(tenant);
      const refusal = await deactivate(transaction, by, person);
      if (refusal === undefined) {
        await transaction.execute("DELETE FROM auth.scim_members WHERE person_id = $1", [id]);
        await transaction.execute("UPDATE auth.people SET provisioned_at = NULL WHERE person_id = $1", [id]);
        await noteAction(transaction, by, "deprovision", { kind: "person", id });
      }
      return { done: undefined, refusal };
    });
  }
}

async function lockUser(transaction: Queries, tenant: string, id: string): Promise<ScimUser> {
  const user = await findUser(transaction, tenant, id, LOCK);
  if (user === undefined) throw notFound("user");
  return user;
}

const adoptedRow = z.object({ person_id: z.string(), is_deleted: z.boolean() });

/**
 * Finds a user of the provider whom SCIM does not manage, or no longer manages: by external ID or, depending on the
 * settings, by subject or name. Never finds a user with a password.
 */
async function adoptUser(
  transaction: Queries,
  { tenant, issuer, subject_claim: claim, provisioning_match: match }: IdentityProvider,
  { userName, externalId }: UserChanges & { readonly userName: string },
): Promise<string | undefined> {
  const isById = match === "external_id";
  const [found] = await transaction.query(
    adoptedRow,
    `SELECT person_id, deprovisioned_at IS NOT NULL AS is_deleted FROM auth.people
     WHERE tenant = $1 AND provisioned_at IS NULL AND password_hash IS NULL
       AND (external_id = $2 OR ($3 AND provider_subject = $2 AND provider_issuer = $4 AND provider_subject_claim = $5)
         OR (NOT $3 AND (${PROVIDER_NAME}) = $6 AND (deprovisioned_at IS NOT NULL OR provider_issuer = $4)))
     ORDER BY external_id = $2 DESC NULLS LAST, created_at LIMIT 1 FOR UPDATE`,
    [tenant, externalId ?? null, isById, issuer, claim, userName],
  );
  if (found === undefined) return undefined;
  // The provider may have reused a deleted user's name for another account, so the next sign-in sets the link.
  const unlink = !isById && found.is_deleted;
  await transaction.execute(
    `UPDATE auth.people SET provisioned_at = now(),
       provider_issuer = CASE WHEN $2 THEN NULL ELSE provider_issuer END,
       provider_subject = CASE WHEN $2 THEN NULL ELSE provider_subject END,
       provider_groups = CASE WHEN $2 THEN '{}' ELSE provider_groups END
     WHERE person_id = $1`,
    [found.person_id, unlink],
  );
  return found.person_id;
}

async function insertUser(transaction: Queries, tenant: string, id: string, userName: string): Promise<void> {
  if (!(await hasRoom(transaction, tenant))) {
    throw new TriplineError("too-many-requests", `The tenant has ${PEOPLE_MAX} users, the maximum.`);
  }
  const person = { person_id: id, user_name: userName, name: userName, tenant };
  if (!(await insertNamesake(transaction, person))) throw taken();
  await transaction.execute("UPDATE auth.people SET provisioned_at = now() WHERE person_id = $1", [id]);
}
