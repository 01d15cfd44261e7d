import { createHash } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Database, Queries } from "@tripline/service-kit/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import type { Page } from "../requests/parse-request.js";
import { NEWEST } from "../requests/parse-request.js";
import type { ActivationRow, RevisionRow } from "./policy-rows.js";
import {
  ACTIVATION_COLUMNS,
  activationRow,
  approvalRow,
  isInForce,
  isNotReplaced,
  REVISION_COLUMNS,
  revisionRow,
  revisionText,
} from "./policy-rows.js";

const NEWEST_ONE: Page = { ...NEWEST, limit: 1 };

const settingsRow = z.object({ needs_approval: z.boolean() });

export interface NewRevision {
  readonly text: string;
  /** As a check of the text gave it. */
  readonly version: string;
  readonly note: string;
}

export interface NewActivation {
  /** Null: the tenant has no policy of its own from then on. */
  readonly revision: number | null;
  /** The activation that the caller knows as the newest, 0 where there was none. */
  readonly after: number;
  /** Undefined: now. */
  readonly at: Date | undefined;
  readonly isWatched: boolean;
  readonly note: string;
}

/** A revision that is new to a tenant and was put in force a while ago. */
export interface WatchedActivation {
  readonly tenant: string;
  readonly activation: number;
  /** The newest one, also of the future. */
  readonly newest: number;
  readonly activatesAtMs: number;
  readonly revision: number;
  /** What was in force before; null for no revision of the tenant's own. */
  readonly before: number | null;
}

const watchedRow = z
  .object({
    tenant: z.string(),
    activation: z.int(),
    newest: z.int(),
    activates_at: z.date().transform((date) => date.getTime()),
    revision: z.int(),
    before: z.int().nullable(),
  })
  .transform(({ activates_at, ...row }): WatchedActivation => ({ ...row, activatesAtMs: activates_at }));

/** Revisions of policies, their approvals and activations. Who changes a tenant's policy takes turns with all others. */
export class PolicyStore {
  constructor(private readonly database: Database) {}

  /** What holds for a tenant, what will, and what it asks for. */
  async status(tenant: string) {
    const [newest] = await this.revisions(tenant, NEWEST_ONE);
    const latest = await newestActivation(this.database, tenant);
    const [inForce] = await this.database.query(
      activationRow,
      `SELECT ${ACTIVATION_COLUMNS} FROM control.policy_activations a
       WHERE tenant = $1 AND ${isInForce("a")}`,
      [tenant],
    );
    return {
      tenant,
      needs_approval: await needsApproval(this.database, tenant),
      newest_revision: newest ?? null,
      newest_activation: latest?.activation ?? 0,
      in_force: inForce ?? null,
      scheduled: latest !== undefined && latest.activation !== inForce?.activation ? latest : null,
    };
  }

  revisions(tenant: string, page: Page): Promise<RevisionRow[]> {
    return revisionsOf(this.database, tenant, page);
  }

  /** @throws TriplineError `not-found` */
  async revision(tenant: string, revision: number) {
    const found = await findRevision(this.database, tenant, revision);
    return { ...found, approvals: await approvalsOf(this.database, tenant, revision) };
  }

  activations(tenant: string, page: Page): Promise<ActivationRow[]> {
    return activationsOf(this.database, tenant, page);
  }

  /** Keeps a checked text under the next number. The text of the newest revision again makes none: `isNew` is false then. */
  addRevision(by: Managed, { text, version, note }: NewRevision): Promise<RevisionRow & { isNew: boolean }> {
    const sha256 = createHash("sha256").update(text).digest("hex");
    return this.#change(by, async (transaction) => {
      const [newest] = await revisionsOf(transaction, by.tenant, NEWEST_ONE);
      if (newest?.sha256 === sha256) return { ...newest, isNew: false };
      const revision = (newest?.revision ?? 0) + 1;
      const [added] = await transaction.query(
        revisionRow,
        `INSERT INTO control.policy_revisions (tenant, revision, version, text, sha256, author, note, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now()) RETURNING ${REVISION_COLUMNS}`,
        [by.tenant, revision, version, text, sha256, by.actor, note],
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

  /** @throws TriplineError `not-found`, `approval-missing` for the author's own approval */
  approve(by: Managed, revision: number, note: string): Promise<void> {
    return this.#change(by, async (transaction) => {
      const { author } = await findRevision(transaction, by.tenant, revision);
      if (author === by.actor) {
        throw new TriplineError(
          "approval-missing",
          `${author} wrote revision ${revision}: another person approves it.`,
        );
      }
      const count = await transaction.execute(
        `INSERT INTO control.policy_approvals (tenant, revision, approver, note, approved_at)
         VALUES ($1, $2, $3, $4, now()) ON CONFLICT DO NOTHING`,
        [by.tenant, revision, by.actor, note],
      );
      if (count > 0)
        await noteAudit(transaction, by, "policy-revision-approved", { revision, note }, revisionSubject(revision));
    });
  }

  setApprovalNeeded(by: Managed, needed: boolean): Promise<void> {
    return this.#change(by, async (transaction) => {
      await transaction.execute(
        `INSERT INTO control.policy_settings (tenant, needs_approval) VALUES ($1, $2)
         ON CONFLICT (tenant) DO UPDATE SET needs_approval = $2`,
        [by.tenant, needed],
      );
      await noteAudit(transaction, by, "policy-settings-changed", { needs_approval: needed });
    });
  }

  /**
   * Puts a revision in force, now or later. It takes the place of an activation that is still to come.
   *
   * @throws TriplineError `changed-meanwhile` with who was first, `approval-missing`, `not-found`
   */
  activate(by: Managed, { revision, after, at, isWatched, note }: NewActivation): Promise<ActivationRow> {
    return this.#change(by, async (transaction) => {
      const newest = await newestActivation(transaction, by.tenant);
      if ((newest?.activation ?? 0) !== after) throw beaten(newest, after);
      if (revision !== null) await this.#requireApproved(transaction, by.tenant, revision);
      const [added] = await transaction.query(
        activationRow,
        `INSERT INTO control.policy_activations
           (tenant, activation, revision, author, note, is_watched, created_at, activates_at)
         VALUES ($1, $2, $3, $4, $5, $6, now(), greatest(now(), $7)) RETURNING ${ACTIVATION_COLUMNS}`,
        [by.tenant, after + 1, revision, by.actor, note, isWatched, at ?? null],
      );
      const made = required(added);
      const replaces = newest !== undefined && newest.activates_at > made.created_at ? newest.activation : null;
      const { activation, activates_at } = made;
      await noteAudit(
        transaction,
        by,
        "policy-activated",
        { activation, revision, activates_at, replaces, note, ...(isWatched ? {} : { is_watched: false }) },
        revisionSubject(revision),
      );
      return made;
    });
  }

  /**
   * What is in force and to be watched: put in force within `seconds`, and never before. Who goes back to a revision is not watched,
   * since what it is compared with is what was wrong.
   */
  watched(seconds: number): Promise<WatchedActivation[]> {
    return this.database.query(
      watchedRow,
      `SELECT a.tenant, a.activation, a.revision, a.activates_at,
         (SELECT max(n.activation) FROM control.policy_activations n WHERE n.tenant = a.tenant) AS newest,
         (SELECT b.revision FROM control.policy_activations b
          WHERE b.tenant = a.tenant AND b.activation < a.activation AND ${isNotReplaced("b")}
          ORDER BY b.activation DESC LIMIT 1) AS before
       FROM control.policy_activations a
       WHERE a.is_watched AND a.revision IS NOT NULL
         AND a.activates_at > now() - make_interval(secs => $1) AND ${isInForce("a")}
         AND NOT EXISTS (SELECT FROM control.policy_activations d
           WHERE d.tenant = a.tenant AND d.activation < a.activation AND d.revision = a.revision
             AND ${isNotReplaced("d")})`,
      [seconds],
    );
  }

  /** A revision that was in force before needs no approval again: going back must not have to wait for anybody. */
  async #requireApproved(transaction: Queries, tenant: string, revision: number): Promise<void> {
    const { author } = await findRevision(transaction, tenant, revision);
    if (!(await needsApproval(transaction, tenant))) return;
    const approvals = await approvalsOf(transaction, tenant, revision);
    if (approvals.length > 0) return;
    const [before] = await transaction.query(
      z.object({ activation: z.int() }),
      `SELECT activation FROM control.policy_activations a
       WHERE tenant = $1 AND revision = $2 AND activates_at <= now() AND ${isNotReplaced("a")} LIMIT 1`,
      [tenant, revision],
    );
    if (before !== undefined) return;
    const detail = `Revision ${revision} by ${author} is not approved: somebody else has to do that first.`;
    throw new TriplineError("approval-missing", detail);
  }

  /** One after another for each tenant. */
  #change<T>({ tenant }: Managed, run: (transaction: Queries) => Promise<T>): Promise<T> {
    return this.database.transaction(async (transaction) => {
      await transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('policy of ' || $1, 0))", [tenant]);
      return run(transaction);
    });
  }
}

async function findRevision(queries: Queries, tenant: string, revision: number) {
  const [found] = await queries.query(
    revisionText,
    `SELECT ${REVISION_COLUMNS}, text FROM control.policy_revisions WHERE tenant = $1 AND revision = $2`,
    [tenant, revision],
  );
  if (found === undefined) throw new TriplineError("not-found", `There is no revision ${revision} of this policy.`);
  return found;
}

function approvalsOf(queries: Queries, tenant: string, revision: number) {
  return queries.query(
    approvalRow,
    `SELECT approver, note, approved_at FROM control.policy_approvals
     WHERE tenant = $1 AND revision = $2 ORDER BY approved_at`,
    [tenant, revision],
  );
}

async function newestActivation(queries: Queries, tenant: string): Promise<ActivationRow | undefined> {
  const [newest] = await activationsOf(queries, tenant, NEWEST_ONE);
  return newest;
}

function revisionsOf(queries: Queries, tenant: string, { before, limit }: Page): Promise<RevisionRow[]> {
  return queries.query(
    revisionRow,
    `SELECT ${REVISION_COLUMNS} FROM control.policy_revisions
     WHERE tenant = $1 AND revision < $2 ORDER BY revision DESC LIMIT $3`,
    [tenant, before, limit],
  );
}

function activationsOf(queries: Queries, tenant: string, { before, limit }: Page): Promise<ActivationRow[]> {
  return queries.query(
    activationRow,
    `SELECT ${ACTIVATION_COLUMNS} FROM control.policy_activations
     WHERE tenant = $1 AND activation < $2 ORDER BY activation DESC LIMIT $3`,
    [tenant, before, limit],
  );
}

async function needsApproval(queries: Queries, tenant: string): Promise<boolean> {
  const [found] = await queries.query(
    settingsRow,
    "SELECT needs_approval FROM control.policy_settings WHERE tenant = $1",
    [tenant],
  );
  return found?.needs_approval ?? false;
}

function beaten(newest: ActivationRow | undefined, after: number): TriplineError {
  if (newest === undefined) return new TriplineError("changed-meanwhile", `There is no activation ${after}.`);
  const { activation, revision, author, created_at } = newest;
  const what = revision === null ? "withdrew the policy" : `activated revision ${revision}`;
  const detail = `${author} ${what} at ${created_at.toISOString()} (activation ${activation}): look at that first.`;
  return new TriplineError("changed-meanwhile", detail);
}

function required<T>(row: T | undefined): T {
  if (row === undefined) throw new TriplineError("internal", "An INSERT returned no row.");
  return row;
}

function revisionSubject(revision: number | null) {
  return { kind: "policy-revision", id: revision === null ? "" : String(revision) };
}
