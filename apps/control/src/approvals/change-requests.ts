import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import { principalOf } from "../requests/managed-tenant.js";

export const CHANGE_KINDS = ["policy-approval-off", "lists-approval-off", "list-entries"] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Maximum number of open requests per tenant. */
const OPEN_MAX = 100;
const EXPIRES_AFTER = "7 days";
/** Time within which a break-glass change can be rejected before it takes effect. */
export const BREAK_GLASS_DELAY_SECONDS = 3_600;
/** Maximum number of changes per run, for all tenants. */
const DUE_MAX = 50;

const requestRow = z.object({
  id: z.string(),
  kind: z.enum(CHANGE_KINDS),
  details: z.record(z.string(), z.unknown()),
  author: z.string(),
  note: z.string(),
  created_at: z.date(),
  expires_at: z.date(),
  /** Null if the change waits for another user. */
  takes_effect_at: z.date().nullable(),
});
export type ChangeRequest = z.infer<typeof requestRow>;
const COLUMNS = Object.keys(requestRow.shape).join(", ");

const lockedRow = requestRow.extend({
  tenant: z.string(),
  author_kind: z.enum(["client", "person", "service"]),
  author_principal: z.string(),
});
const LOCKED_COLUMNS = Object.keys(lockedRow.shape).join(", ");

export interface NewChange {
  readonly kind: ChangeKind;
  readonly details: Readonly<Record<string, unknown>>;
  readonly note: string;
  readonly isBreakGlass: boolean;
}

/** Applies a change that another user confirmed. @param author the user who requested it */
export type ApplyChange = (transaction: Queries, author: Managed, details: unknown) => Promise<void>;

/** An `ApplyChange` for each kind of change. */
export const CHANGE_APPLIERS = Symbol("CHANGE_APPLIERS");

/** Changes that wait for another user. */
@Injectable()
export class ChangeRequests {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CHANGE_APPLIERS) private readonly appliers: Readonly<Record<ChangeKind, ApplyChange>>,
  ) {}

  /** Open requests, oldest first. */
  open(tenant: string): Promise<ChangeRequest[]> {
    return this.database.query(
      requestRow,
      `SELECT ${COLUMNS} FROM control.change_requests
       WHERE tenant = $1 AND settled_at IS NULL AND expires_at > now() ORDER BY created_at LIMIT $2`,
      [tenant, OPEN_MAX],
    );
  }

  /**
   * Confirms a change and applies it.
   *
   * @returns its kind
   * @throws TriplineError `not-found` if it is no longer open; `approval-missing` if the author confirms it
   */
  confirm(by: Managed, id: string, note: string): Promise<ChangeKind> {
    return this.database.transaction(async (transaction) => {
      const principal = principalOf(by);
      const found = await lock(transaction, by.tenant, id);
      if (found.author_principal === principal) {
        throw new TriplineError(
          "approval-missing",
          `${found.author} requested this change, so another user must confirm it.`,
        );
      }
      await this.#apply(transaction, found);
      await settle(transaction, id, "confirmed", by.actor);
      await noteAudit(transaction, by, "change-confirmed", { ...describe(found), note }, subjectOf(found));
      return found.kind;
    });
  }

  /** Rejects a change. It can no longer be confirmed. @throws TriplineError `not-found` */
  refuse(by: Managed, id: string, note: string): Promise<void> {
    return this.database.transaction(async (transaction) => {
      const found = await lock(transaction, by.tenant, id);
      await settle(transaction, id, "refused", by.actor);
      await noteAudit(transaction, by, "change-refused", { ...describe(found), note }, subjectOf(found));
    });
  }

  /** Applies changes that are due and expires unconfirmed ones. Safe to repeat, even on several instances. */
  async settleDue(): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const due = await transaction.query(
        lockedRow,
        `SELECT ${LOCKED_COLUMNS} FROM control.change_requests
         WHERE settled_at IS NULL AND least(expires_at, takes_effect_at) <= now()
         ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED`,
        [DUE_MAX],
      );
      for (const found of due) {
        const isEffective = found.takes_effect_at !== null;
        if (isEffective) await this.#apply(transaction, found);
        await settle(transaction, found.id, isEffective ? "took-effect" : "expired", "control");
        const action = isEffective ? "change-took-effect" : "change-expired";
        await noteAudit(transaction, authorOf(found), action, describe(found), subjectOf(found));
      }
    });
  }

  #apply(transaction: Queries, found: z.infer<typeof lockedRow>): Promise<void> {
    return this.appliers[found.kind](transaction, authorOf(found), found.details);
  }
}

/**
 * Requests a change that needs another user. Call it in the transaction that determines this.
 *
 * @throws TriplineError `approval-missing` for a client without an owner, `too-many-requests`
 */
export async function requestChange(transaction: Queries, by: Managed, change: NewChange): Promise<ChangeRequest> {
  const { kind, details, note, isBreakGlass } = change;
  const principal = principalOf(by);
  const [{ count } = { count: 0 }] = await transaction.query(
    z.object({ count: z.coerce.number() }),
    "SELECT count(*) FROM control.change_requests WHERE tenant = $1 AND settled_at IS NULL AND expires_at > now()",
    [by.tenant],
  );
  if (count >= OPEN_MAX) {
    const detail = `${count} changes of this tenant are already waiting for another user. Confirm or reject some of them first.`;
    throw new TriplineError("too-many-requests", detail);
  }
  const [added] = await transaction.query(
    requestRow,
    `INSERT INTO control.change_requests
       (id, tenant, kind, details, author, author_kind, author_principal, note, created_at, expires_at, takes_effect_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now(), now() + $9::interval, now() + make_interval(secs => $10))
     RETURNING ${COLUMNS}`,
    [
      ...[randomUUID(), by.tenant, kind, JSON.stringify(details), by.actor, by.actorKind ?? "client", principal, note],
      ...[EXPIRES_AFTER, isBreakGlass ? BREAK_GLASS_DELAY_SECONDS : null],
    ],
  );
  if (added === undefined) throw new TriplineError("internal", "An INSERT statement returned no row.");
  const action = isBreakGlass ? "break-glass" : "change-requested";
  await noteAudit(transaction, by, action, { ...describe(added), note }, subjectOf(added));
  return added;
}

async function lock(transaction: Queries, tenant: string, id: string) {
  const [found] = await transaction.query(
    lockedRow,
    `SELECT ${LOCKED_COLUMNS} FROM control.change_requests
     WHERE tenant = $1 AND id = $2 AND settled_at IS NULL AND expires_at > now() FOR UPDATE`,
    [tenant, id],
  );
  if (found === undefined) throw new TriplineError("not-found", "There is no such change waiting for confirmation.");
  return found;
}

async function settle(transaction: Queries, id: string, how: string, by: string): Promise<void> {
  await transaction.execute(
    "UPDATE control.change_requests SET settled_at = now(), settled_as = $2, settled_by = $3 WHERE id = $1",
    [id, how, by],
  );
}

const authorOf = (found: z.infer<typeof lockedRow>): Managed => ({
  tenant: found.tenant,
  actor: found.author,
  actorKind: found.author_kind,
  principal: found.author_principal,
});

/** For the audit log: the number of list entries instead of the entries, as for changes without confirmation. */
function describe({ id, kind, details, author, takes_effect_at }: ChangeRequest): Readonly<Record<string, unknown>> {
  const { list, entries } = details;
  const of = Array.isArray(entries) ? { list, entries: entries.length } : {};
  return { id, kind, author, ...of, ...(takes_effect_at === null ? {} : { takes_effect_at }) };
}

const subjectOf = ({ id }: Pick<ChangeRequest, "id">) => ({ kind: "change-request", id });
