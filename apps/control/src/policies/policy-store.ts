import { createHash } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { readSettings } from "../approvals/approval-settings.js";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import { principalOf } from "../requests/managed-tenant.js";
import type { Page } from "../requests/request-schemas.js";
import type { RevisionRow } from "./policy-rows.js";
import { ACTIVATION_COLUMNS, activationRow, isInForce, REVISION_COLUMNS, revisionRow } from "./policy-rows.js";
import {
  approvalsOf,
  findRevision,
  historyOf,
  lockPolicies,
  NEWEST_ONE,
  nameRevision,
  newestActivation,
  required,
  revisionSubject,
  revisionsOf,
} from "./read-policy.js";
import { UNWATCHED_APPROVAL_MS } from "./second-user.js";

export interface NewRevision {
  readonly text: string;
  /** The version that the check of the text returned. */
  readonly version: string;
  readonly note: string;
}

/** Revisions of policies and their approvals. All changes to a tenant's policy are serialised. */
@Injectable()
export class PolicyStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** The active and scheduled policy of a tenant, and its settings. */
  async status(tenant: string) {
    const [newest] = await this.revisions(tenant, NEWEST_ONE);
    const latest = await newestActivation(this.database, tenant);
    const [inForce] = await this.database.query(
      activationRow,
      `SELECT ${ACTIVATION_COLUMNS} FROM control.policy_activations a
       WHERE tenant = $1 AND ${isInForce("a")}`,
      [tenant],
    );
    const target = (await historyOf(this.database, tenant, null)).returnTarget;
    return {
      tenant,
      ...(await readSettings(this.database, tenant)),
      newest_revision: newest ?? null,
      newest_activation: latest?.activation ?? 0,
      in_force: inForce ?? null,
      scheduled: latest !== undefined && latest.activation !== inForce?.activation ? latest : null,
      return_to: target === undefined ? null : { revision: target.revision },
    };
  }

  revisions(tenant: string, page: Page): Promise<RevisionRow[]> {
    return revisionsOf(this.database, tenant, page);
  }

  /** @throws TriplineError `not-found` */
  async revision(tenant: string, revision: number) {
    const { author_principal: _, ...found } = await findRevision(this.database, tenant, revision);
    const { kind } = (await historyOf(this.database, tenant, found.sha256)).standingOf(found.sha256);
    const approvals = await approvalsOf(this.database, tenant, revision);
    return { ...found, activation_kind: kind, approvals: approvals.map(({ shown }) => shown) };
  }

  /**
   * Adds a checked text as a revision. If the newest revision has the same text, returns that revision with `isNew:
   * false`.
   */
  addRevision(by: Managed, { text, version, note }: NewRevision): Promise<RevisionRow & { isNew: boolean }> {
    const sha256 = createHash("sha256").update(text).digest("hex");
    return this.#change(by, async (transaction) => {
      const [newest] = await revisionsOf(transaction, by.tenant, NEWEST_ONE);
      if (newest?.sha256 === sha256) return { ...newest, isNew: false };
      const revision = (newest?.revision ?? 0) + 1;
      const [added] = await transaction.query(
        revisionRow,
        `INSERT INTO control.policy_revisions
           (tenant, revision, version, text, sha256, author, author_principal, note, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now()) RETURNING ${REVISION_COLUMNS}`,
        [by.tenant, revision, version, text, sha256, by.actor, by.principal ?? null, note],
      );
      await noteAudit(
        transaction,
        by,
        "policy-revision-added",
        { revision, version, sha256, note },
        revisionSubject(revision),
      );
      return { ...required(added), isNew: true };
    });
  }

  /**
   * @param revision null to approve the removal of the policy
   * @param isForUnwatched whether this approves an activation without the guard, within a day
   * @throws TriplineError `not-found`; `approval-missing` if the author or a client without an owner approves
   */
  approve(by: Managed, revision: number | null, isForUnwatched: boolean, note: string): Promise<void> {
    const { tenant } = by;
    return this.#change(by, async (transaction) => {
      const principal = principalOf(by);
      const found = revision === null ? undefined : await findRevision(transaction, tenant, revision);
      if (found?.author_principal === principal) throw ownRevision(by, nameRevision(revision));
      const sha256 = found?.sha256 ?? null;
      const { policy } = (await historyOf(transaction, tenant, sha256)).standingOf(sha256);
      const sinceMs = Math.max(policy?.rolledBackAtMs ?? 0, isForUnwatched ? Date.now() - UNWATCHED_APPROVAL_MS : 0);
      const given = await approvalsOf(transaction, tenant, revision ?? 0);
      const isGiven = given.some(
        ({ counted }) =>
          counted.principal === principal &&
          counted.isForUnwatched === isForUnwatched &&
          counted.approvedAtMs >= sinceMs,
      );
      if (isGiven) return;
      await transaction.execute(
        `INSERT INTO control.policy_approvals
           (tenant, revision, approver, approver_principal, is_for_unwatched, note, approved_at)
         VALUES ($1, $2, $3, $4, $5, $6, now())`,
        [tenant, revision ?? 0, by.actor, principal, isForUnwatched, note],
      );
      const details = { revision, note, ...(isForUnwatched ? { is_for_unwatched: true } : {}) };
      await noteAudit(transaction, by, "policy-revision-approved", details, revisionSubject(revision));
    });
  }

  /** Serialises the changes of each tenant. */
  #change<T>({ tenant }: Managed, run: (transaction: Queries) => Promise<T>): Promise<T> {
    return this.database.transaction(async (transaction) => {
      await lockPolicies(transaction, tenant);
      return run(transaction);
    });
  }
}

function ownRevision({ actor, principal }: Managed, what: string): TriplineError {
  const who = actor === principal ? actor : `${principal}, the owner of the client ${actor},`;
  return new TriplineError("approval-missing", `${who} wrote ${what}, so another user must approve it.`);
}
