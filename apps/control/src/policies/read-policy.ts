import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Page } from "../requests/request-schemas.js";
import { NEWEST } from "../requests/request-schemas.js";
import type { PastActivation } from "./activation-history.js";
import { ActivationHistory } from "./activation-history.js";
import type { ActivationRow, ApprovalRow, RevisionRow } from "./policy-rows.js";
import {
  ACTIVATION_COLUMNS,
  APPROVAL_COLUMNS,
  activationRow,
  approvalRow,
  isNotReplaced,
  REVISION_COLUMNS,
  revisionRow,
  revisionText,
} from "./policy-rows.js";
import type { Approval } from "./second-user.js";

/* Queries about one tenant's policies, shared by the stores. */

export const NEWEST_ONE: Page = { ...NEWEST, limit: 1 };
/** Maximum number of activations in a history. */
const HISTORY_MAX = 300;
/** Maximum number of approvals per revision; older ones are ignored. */
const APPROVALS_MAX = 100;

/** @throws TriplineError `not-found` */
export async function findRevision(queries: Queries, tenant: string, revision: number) {
  const [found] = await queries.query(
    revisionText,
    `SELECT ${REVISION_COLUMNS}, text, author_principal FROM control.policy_revisions
     WHERE tenant = $1 AND revision = $2`,
    [tenant, revision],
  );
  if (found === undefined) throw new TriplineError("not-found", `This policy does not have a revision ${revision}.`);
  return found;
}

/** The newest approvals, oldest first. @param revision 0 for the removal of the policy */
export async function approvalsOf(queries: Queries, tenant: string, revision: number) {
  const newest = await queries.query(
    approvalRow.extend({ approver_principal: z.string().nullable() }),
    `SELECT ${APPROVAL_COLUMNS}, approver_principal FROM control.policy_approvals
     WHERE tenant = $1 AND revision = $2 ORDER BY approved_at DESC LIMIT $3`,
    [tenant, revision, APPROVALS_MAX],
  );
  return newest.reverse().map(({ approver_principal: principal, ...shown }) => ({
    shown: shown satisfies ApprovalRow,
    counted: {
      principal,
      approvedAtMs: shown.approved_at.getTime(),
      isForUnwatched: shown.is_for_unwatched,
    } satisfies Approval,
  }));
}

export async function newestActivation(queries: Queries, tenant: string): Promise<ActivationRow | undefined> {
  const [newest] = await activationsOf(queries, tenant, NEWEST_ONE);
  return newest;
}

export function revisionsOf(queries: Queries, tenant: string, { before, limit }: Page): Promise<RevisionRow[]> {
  return queries.query(
    revisionRow,
    `SELECT ${REVISION_COLUMNS} FROM control.policy_revisions
     WHERE tenant = $1 AND revision < $2 ORDER BY revision DESC LIMIT $3`,
    [tenant, before, limit],
  );
}

export function activationsOf(queries: Queries, tenant: string, { before, limit }: Page): Promise<ActivationRow[]> {
  return queries.query(
    activationRow,
    `SELECT ${ACTIVATION_COLUMNS} FROM control.policy_activations
     WHERE tenant = $1 AND activation < $2 ORDER BY activation DESC LIMIT $3`,
    [tenant, before, limit],
  );
}

export const pastRow = z
  .object({
    activation: z.int(),
    revision: z.int().nullable(),
    version: z.string().nullable(),
    sha256: z.string().nullable(),
    author: z.string(),
    kind: z.enum(["return", "suspect", "new"]).nullable(),
    activates_at: z.date(),
    is_watched: z.boolean(),
    stood_at: z.date().nullable(),
    watch: z.unknown(),
  })
  .transform(({ activates_at, is_watched, stood_at, ...row }) => ({
    ...row,
    activatesAtMs: activates_at.getTime(),
    isWatched: is_watched,
    stoodAtMs: stood_at?.getTime() ?? null,
  }));
/** An activation that took effect, with its policy's version and its stored watch. */
export type PastRow = z.infer<typeof pastRow>;

const PAST = `SELECT a.activation, a.revision, r.version, r.sha256, a.author, a.kind, a.activates_at, a.is_watched, a.stood_at, a.watch
  FROM control.policy_activations a LEFT JOIN control.policy_revisions r USING (tenant, revision)
  WHERE a.tenant = $1 AND a.activates_at <= now() AND ${isNotReplaced("a")}`;

/** The newest activations that took effect, oldest first. */
export async function pastOf(queries: Queries, tenant: string): Promise<PastRow[]> {
  const newest = await queries.query(pastRow, `${PAST} ORDER BY a.activation DESC LIMIT $2`, [tenant, HISTORY_MAX]);
  return newest.reverse();
}

/** @param sha256 the history includes this text's newest activation and the next one, however old they are */
export async function historyOf(queries: Queries, tenant: string, sha256: string | null): Promise<ActivationHistory> {
  const past: PastActivation[] = await pastOf(queries, tenant);
  const [first] = past;
  const isComplete = past.length < HISTORY_MAX;
  if (!isComplete && first !== undefined && !past.some((one) => one.sha256 === sha256)) {
    past.unshift(...(await longAgo(queries, tenant, sha256, first.activation)));
  }
  return new ActivationHistory(past, isComplete, Date.now());
}

async function longAgo(queries: Queries, tenant: string, sha256: string | null, before: number): Promise<PastRow[]> {
  const [last] = await queries.query(
    pastRow,
    `${PAST} AND a.activation < $2 AND r.sha256 IS NOT DISTINCT FROM $3 ORDER BY a.activation DESC LIMIT 1`,
    [tenant, before, sha256],
  );
  if (last === undefined) return [];
  const ended = await queries.query(
    pastRow,
    `${PAST} AND a.activation > $2 AND a.activation < $3 ORDER BY a.activation LIMIT 1`,
    [tenant, last.activation, before],
  );
  return [last, ...ended];
}

/** Serialises changes per tenant, until the transaction ends. */
export async function lockPolicies(transaction: Queries, tenant: string): Promise<void> {
  await transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('policy of ' || $1, 0))", [tenant]);
}

export function required<T>(row: T | undefined): T {
  if (row === undefined) throw new TriplineError("internal", "An INSERT statement returned no row.");
  return row;
}

/** The subject of an audit entry. */
export function revisionSubject(revision: number | null) {
  return { kind: "policy-revision", id: revision === null ? "" : String(revision) };
}

/** The name of a revision in messages. */
export function nameRevision(revision: number | null): string {
  return revision === null ? "no tenant policy" : `revision ${revision}`;
}
