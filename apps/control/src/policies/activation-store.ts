import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { readSettings } from "../approvals/approval-settings.js";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import type { Page } from "../requests/request-schemas.js";
import type { ActivationHistory, ActivationKind } from "./activation-history.js";
import type { ActivationWatch } from "./activation-watch.js";
import type { ActivationRow } from "./policy-rows.js";
import { ACTIVATION_COLUMNS, activationRow, isInForce } from "./policy-rows.js";
import type { PastRow } from "./read-policy.js";
import {
  activationsOf,
  approvalsOf,
  findRevision,
  historyOf,
  lockPolicies,
  nameRevision,
  newestActivation,
  pastOf,
  required,
  revisionSubject,
} from "./read-policy.js";
import { findMissingApproval } from "./second-user.js";

/** Maximum number of open watches, for all tenants. */
const WATCHED_MAX = 1_000;
/** Maximum time an activation is watched, even if control was down. */
const WATCHED_WITHIN = "30 days";

export interface NewActivation {
  /** Null if the tenant no longer has its own policy. */
  readonly revision: number | null;
  /** The newest activation that the caller knows; 0 if there was none. */
  readonly after: number;
  /** The time of the activation; undefined means now. */
  readonly at: Date | undefined;
  readonly isWatched: boolean;
  readonly note: string;
}

/** An active activation whose watch has not ended. */
export interface WatchedActivation {
  readonly tenant: string;
  readonly activation: number;
  /** The tenant's newest activation, even if it is scheduled. */
  readonly newest: number;
  readonly activatesAtMs: number;
  readonly revision: number | null;
}

const watchedRow = z
  .object({
    tenant: z.string(),
    activation: z.int(),
    newest: z.int(),
    activates_at: z.date().transform((date) => date.getTime()),
    revision: z.int().nullable(),
  })
  .transform(({ activates_at, ...row }): WatchedActivation => ({ ...row, activatesAtMs: activates_at }));

/** A stored activation with its kind in the tenant's history. */
interface Settled {
  readonly newest: ActivationRow | undefined;
  readonly revision: number | null;
  readonly kind: ActivationKind;
  readonly isWatched: boolean;
  /** The activation that it rolls back; null if none. */
  readonly rollsBack: number | null;
  readonly at: Date | undefined;
  readonly note: string;
}

/** Activations of policies. All changes to a tenant's policy are serialised. */
@Injectable()
export class ActivationStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  activations(tenant: string, page: Page): Promise<ActivationRow[]> {
    return activationsOf(this.database, tenant, page);
  }

  /**
   * Activates a revision, now or later. It replaces a scheduled activation.
   *
   * @throws TriplineError `changed-meanwhile` with the author of the other change, `approval-missing`, `not-found`, or
   * `invalid-field` for an unwatched activation of a rolled-back policy
   */
  activate(by: Managed, wanted: NewActivation): Promise<ActivationRow> {
    return this.database.transaction(async (transaction) => {
      const { tenant } = by;
      await lockPolicies(transaction, tenant);
      const newest = await newestActivation(transaction, tenant);
      if ((newest?.activation ?? 0) !== wanted.after) throw beaten(newest, wanted.after);
      const { revision, at, note } = wanted;
      const found = revision === null ? undefined : await findRevision(transaction, tenant, revision);
      const history = await historyOf(transaction, tenant, found?.sha256 ?? null);
      const { kind, policy } = history.standingOf(found?.sha256 ?? null);
      const isProven = kind === "return" && policy?.hasStood === true;
      if (kind === "suspect" && !wanted.isWatched) throw unwatchedSuspect(revision);
      const missing = findMissingApproval({
        kind,
        what: nameRevision(revision),
        isUnwatched: !wanted.isWatched && !isProven,
        tenantNeedsApproval: (await readSettings(transaction, tenant)).needs_approval,
        author: found?.author_principal ?? null,
        activator: by.principal ?? null,
        approvals: (await approvalsOf(transaction, tenant, revision ?? 0)).map(({ counted }) => counted),
        rolledBackAtMs: policy?.rolledBackAtMs ?? null,
        nowMs: Date.now(),
      });
      if (missing !== undefined) throw new TriplineError("approval-missing", missing);
      const isWatched = wanted.isWatched && !isProven;
      const rollsBack = rolledBackBy(history, kind, policy?.activation);
      return insert(transaction, by, { newest, revision, kind, isWatched, rollsBack, at, note });
    });
  }

  /**
   * Rolls back to the newest earlier policy that was not rolled back.
   *
   * @param after the newest activation that the caller knows
   * @throws TriplineError `changed-meanwhile`
   */
  goBack(by: Managed, after: number, why: string): Promise<ActivationRow> {
    return this.database.transaction(async (transaction) => {
      await lockPolicies(transaction, by.tenant);
      const newest = await newestActivation(transaction, by.tenant);
      if ((newest?.activation ?? 0) !== after) throw beaten(newest, after);
      const history = await historyOf(transaction, by.tenant, null);
      const target = history.returnTarget;
      return insert(transaction, by, {
        newest,
        revision: target?.revision ?? null,
        kind: "return",
        isWatched: target?.hasStood === false,
        rollsBack: history.current?.activation ?? null,
        at: undefined,
        note: why,
      });
    });
  }

  /** Active policies with an open watch, of all tenants. */
  watched(): Promise<WatchedActivation[]> {
    return this.database.query(
      watchedRow,
      `SELECT a.tenant, a.activation, a.revision, a.activates_at,
         (SELECT max(n.activation) FROM control.policy_activations n WHERE n.tenant = a.tenant) AS newest
       FROM control.policy_activations a
       WHERE a.is_watched AND a.stood_at IS NULL AND a.activates_at > now() - $1::interval
         AND (a.kind IS NOT NULL OR a.activates_at > now() - interval '1 day') AND ${isInForce("a")}
       ORDER BY a.activates_at DESC LIMIT $2`,
      [WATCHED_WITHIN, WATCHED_MAX],
    );
  }

  past(tenant: string): Promise<PastRow[]> {
    return pastOf(this.database, tenant);
  }

  /** Stores the watch, unless another instance has stored one with at least as many cards in the baseline. */
  async keepWatch({ tenant, activation }: WatchedActivation, watch: ActivationWatch): Promise<void> {
    await this.database.execute(
      `UPDATE control.policy_activations SET watch = $3
       WHERE tenant = $1 AND activation = $2 AND coalesce((watch -> 'before' ->> 'cards')::int, -1) < $4`,
      [tenant, activation, JSON.stringify(watch), watch.before?.cards ?? 0],
    );
  }

  async endWatch({ tenant, activation }: WatchedActivation): Promise<void> {
    await this.database.execute(
      `UPDATE control.policy_activations SET stood_at = now()
       WHERE tenant = $1 AND activation = $2 AND stood_at IS NULL`,
      [tenant, activation],
    );
  }
}

function rolledBackBy(history: ActivationHistory, kind: ActivationKind, target: number | undefined): number | null {
  const { current } = history;
  if (kind !== "return" || current === undefined || current.activation === target) return null;
  return current.activation === 0 ? null : current.activation;
}

async function insert(transaction: Queries, by: Managed, settled: Settled): Promise<ActivationRow> {
  const { newest, revision, kind, isWatched, rollsBack, at, note } = settled;
  const [added] = await transaction.query(
    activationRow,
    `INSERT INTO control.policy_activations
       (tenant, activation, revision, author, author_principal, note, kind, is_watched, created_at, activates_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now(), greatest(now(), $9)) RETURNING ${ACTIVATION_COLUMNS}`,
    [
      ...[by.tenant, (newest?.activation ?? 0) + 1, revision, by.actor, by.principal ?? null],
      ...[note, kind, isWatched, at ?? null],
    ],
  );
  const made = required(added);
  const { activation, activates_at } = made;
  const replaces = newest !== undefined && newest.activates_at > made.created_at ? newest.activation : null;
  await noteAudit(
    transaction,
    by,
    "policy-activated",
    {
      ...{ activation, revision, activates_at, replaces, note, kind, is_watched: isWatched },
      ...(rollsBack === null ? {} : { rolls_back: rollsBack }),
    },
    revisionSubject(revision),
  );
  return made;
}

function beaten(newest: ActivationRow | undefined, after: number): TriplineError {
  if (newest === undefined) return new TriplineError("changed-meanwhile", `Activation ${after} does not exist.`);
  const { activation, revision, author, created_at } = newest;
  const what = revision === null ? "withdrew the policy" : `activated revision ${revision}`;
  const detail = `${author} ${what} at ${created_at.toISOString()} (activation ${activation}). Review that change first.`;
  return new TriplineError("changed-meanwhile", detail);
}

function unwatchedSuspect(revision: number | null): TriplineError {
  const detail = `must be true, because ${nameRevision(revision)} was rolled back and is therefore always monitored`;
  return new TriplineError("invalid-field", `/watched ${detail}.`, [{ pointer: "/watched", detail }]);
}
