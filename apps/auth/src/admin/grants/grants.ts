import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { counter } from "@tripline/telemetry/metrics";
import { RevocationPublisher } from "../../revocations/revocation-publisher.js";
import type { Actor } from "../admin-action.js";
import { notFound } from "../admin-action.js";
import type { ListedClient } from "../listed-client.js";
import type { ListedPerson } from "../listed-person.js";
import { noteAction } from "../note-action.js";
import type { Listed } from "./apply-change.js";
import { applyChange, findChanged } from "./apply-change.js";
import { approveGrant } from "./approve-grant.js";
import type { GrantChange } from "./grant-change.js";
import { auditedChange, GRANT_ACTIONS, shownChange } from "./grant-change.js";
import type { PendingGrant } from "./grant-store.js";
import { listGrants, storeGrant, takeGrant } from "./grant-store.js";
import type { Before } from "./needs-second-admin.js";
import { needsSecondAdmin } from "./needs-second-admin.js";
import { hasSecondAdmin, lockAdmins } from "./second-admin.js";

/** A grant as administrators see it. */
export interface ShownGrant {
  readonly grant_id: string;
  readonly change: object;
  readonly requested_by: string;
  /** The user who requested the change, even if the user's client sent the request. */
  readonly principal: string;
  readonly requested_at: Date;
  readonly expires_at: Date;
}

/** The result of a request: an applied change, or a grant that waits for a second administrator. */
export type Requested = (Listed & { readonly is_published: boolean }) | { readonly grant: ShownGrant };

/** Changes that grant rights. Some need a second administrator if the tenant has one. */
@Injectable()
export class Grants {
  readonly #alone = counter("tripline_auth_unapproved_grants_total", {
    description: "Rights granted by a tenant's only administrator, which otherwise require two",
    labels: ["action"],
  });

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(RevocationPublisher) private readonly publisher: RevocationPublisher,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    // Creates each series at 0, because an alert cannot detect an increase unless there was an earlier value.
    for (const action of GRANT_ACTIONS) this.#alone.inc({ action }, 0);
  }

  /** Applies a change, or stores it until another administrator approves it. @throws errors of the change */
  async request(by: Actor, change: GrantChange): Promise<Requested> {
    const outcome = await this.database.transaction(async (transaction) => {
      await lockAdmins(transaction, by.tenant);
      const before = await findChanged(transaction, by.tenant, change);
      const needsSecond = await needsSecondAdmin(transaction, by, change, rightsOf(before));
      if (!needsSecond) return { listed: await applyChange(transaction, by, change, {}), isAlone: false };
      if (await hasSecondAdmin(transaction, by)) return { grant: await keep(transaction, by, change) };
      const listed = await applyChange(transaction, by, change, { without_second_admin: true });
      return { listed, isAlone: true };
    });
    if (outcome.grant !== undefined) {
      this.#log(by, "requested", change);
      return { grant: shownGrant(outcome.grant) };
    }
    if (outcome.isAlone) this.#alone.inc({ action: change.action });
    this.#log(by, "made", change);
    return { ...outcome.listed, is_published: await this.publisher.publish() };
  }

  async list({ tenant }: Actor): Promise<ShownGrant[]> {
    return (await listGrants(this.database, tenant)).map(shownGrant);
  }

  /** @throws TriplineError `not-found` */
  async find({ tenant }: Actor, id: string): Promise<GrantChange> {
    const grant = (await listGrants(this.database, tenant)).find(({ grant_id }) => grant_id === id);
    if (grant === undefined) throw notFound("grant");
    return grant.change;
  }

  /** @throws TriplineError `not-found`; `approval-missing` for the requester or a client; errors of the change */
  async approve(by: Actor, id: string): Promise<Listed & { readonly is_published: boolean }> {
    const { listed, change } = await this.database.transaction((transaction) => approveGrant(transaction, by, id));
    this.#log(by, "approved", change);
    return { ...listed, is_published: await this.publisher.publish() };
  }

  /** Any administrator can reject a grant, including the requester. @throws TriplineError `not-found` */
  async reject(by: Actor, id: string): Promise<ShownGrant> {
    const grant = await this.database.transaction(async (transaction) => {
      const taken = await takeGrant(transaction, by.tenant, id);
      if (taken === undefined) throw notFound("grant");
      await noteAction(transaction, by, "reject", { kind: "grant", id, details: auditedChange(taken.change) });
      return taken;
    });
    this.#log(by, "rejected", grant.change);
    return shownGrant(grant);
  }

  #log({ subject, tenant }: Actor, step: string, { action }: GrantChange): void {
    this.logger.info({ by: subject, tenant, action }, `change ${step}`);
  }
}

async function keep(transaction: Queries, by: Actor, change: GrantChange): Promise<PendingGrant> {
  const { tenant, subject, principal, kind } = by;
  if (principal === undefined || kind === "service")
    throw new TriplineError("internal", "The requester of the grant is unknown.");
  // Tries the change and rolls it back, so that an impossible change is rejected when it is requested.
  await transaction.execute("SAVEPOINT tried", []);
  await applyChange(transaction, by, change, {});
  await transaction.execute("ROLLBACK TO SAVEPOINT tried", []);
  const grant = await storeGrant(transaction, { tenant, change, requested_by: subject, actor_kind: kind, principal });
  const noted = { kind: "grant" as const, id: grant.grant_id, details: auditedChange(change) };
  await noteAction(transaction, by, "request", noted);
  return grant;
}

function shownGrant({ grant_id, change, requested_by, principal, requested_at, expires_at }: PendingGrant): ShownGrant {
  return { grant_id, change: shownChange(change), requested_by, principal, requested_at, expires_at };
}

function rightsOf(before: ListedPerson | ListedClient | undefined): Before {
  if (before === undefined) return {};
  return "roles" in before
    ? { id: before.person_id, roles: before.roles }
    : { scopes: before.scopes, owner: before.owner?.person_id };
}
