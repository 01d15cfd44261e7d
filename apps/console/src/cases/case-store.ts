import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { breaksConstraint } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { CasePage } from "../contract/cases.js";
import type { PersonRef } from "../contract/people.js";
import { OUTCOME_NUMBERS } from "../decisions/decision-rows.js";
import type { ShowToken } from "../requests/mask-token.js";
import { writeCursor } from "../requests/request-fields.js";
import { eventOf, queueCaseEvent } from "./case-events.js";
import type { CaseFilters, CaseSearch, NextCase, Worker } from "./case-requests.js";
import type { KnownCase } from "./case-rows.js";
import { CASE_COLUMNS, caseRow, toCaseRow } from "./case-rows.js";

/** The changed columns and the sentence for the history. */
export interface CaseChange {
  readonly set: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Whether the change publishes no event, because it withdraws an event that has not been sent yet. */
  readonly isUnpublished?: true;
  /** Makes further changes in the same transaction. */
  readonly also?: (queries: Queries) => Promise<unknown>;
}

/** Determines the change to a case from its current state. @param queries the transaction that locks the case */
export type DecideChange = (found: KnownCase, queries: Queries) => CaseChange | Promise<CaseChange>;

const SORTS = {
  due: { column: "c.due_at_ms", of: (row: KnownCase) => row.due_at_ms, isDescending: false },
  opened: { column: "c.opened_at_ms", of: (row: KnownCase) => row.opened_at_ms, isDescending: true },
  score: { column: "coalesce(c.score, -1)", of: (row: KnownCase) => row.score ?? -1, isDescending: true },
  amount: { column: "c.amount_minor", of: (row: KnownCase) => row.amount_minor, isDescending: true },
} as const;

const totalRow = z.object({ total: z.coerce.number() });
const personRow = z.object({ id: z.string(), name: z.string() });

/** Cases. A case of another tenant is reported as not found. */
@Injectable()
export class CaseStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async search(by: Worker, search: CaseSearch, show: ShowToken): Promise<CasePage> {
    const values: unknown[] = [by.tenant];
    const value = (one: unknown): string => `$${values.push(one)}`;
    const filter = conditionsOf(by, search, value).join(" AND ");
    const totals = this.database.query(totalRow, `SELECT count(*) AS total FROM console.cases c WHERE ${filter}`, [
      ...values,
    ]);
    const { column, of, isDescending } = SORTS[search.sort ?? "due"];
    const isDown = search.descending ?? isDescending;
    const { after } = search;
    const from = after === undefined || search.sort === "score" ? after?.value : Math.round(after.value);
    const place =
      after === undefined ? "" : `AND (${column}, c.id) ${isDown ? "<" : ">"} (${value(from)}, ${value(after.id)})`;
    const order = isDown ? "DESC" : "ASC";
    const rows = await this.database.query(
      caseRow,
      `SELECT ${CASE_COLUMNS} FROM console.cases c WHERE ${filter} ${place}
       ORDER BY ${column} ${order}, c.id ${order} LIMIT ${value(search.limit + 1)}`,
      values,
    );
    const cases = rows.slice(0, search.limit);
    const last = rows.length > cases.length ? cases.at(-1) : undefined;
    return {
      cases: cases.map((row) => toCaseRow(row, show)),
      total: (await totals)[0]?.total ?? 0,
      next: last === undefined ? null : writeCursor(of(last), last.id),
    };
  }

  /** @throws TriplineError `not-found`, also for another tenant's case */
  async find(tenant: string, id: string): Promise<KnownCase> {
    return existing(await this.database.query(caseRow, `${ONE_CASE} `, [tenant, id]));
  }

  /**
   * @returns the case after the change
   * @throws TriplineError `not-found`; `changed-meanwhile` if the user saw an older revision (the message says who
   *   changed it and how) or if the card would have a second open case; and errors of `decide`
   */
  change(by: Worker, id: string, revision: number, decide: DecideChange): Promise<KnownCase> {
    return this.database.transaction(async (transaction) => {
      const found = existing(await transaction.query(caseRow, `${ONE_CASE} FOR UPDATE`, [by.tenant, id]));
      if (found.revision !== revision) {
        throw new TriplineError("changed-meanwhile", `The case has changed. ${found.last_change}`);
      }
      return applyChange(transaction, by, found, await decide(found, transaction));
    });
  }

  /**
   * Assigns the next case of a queue to the user; undefined if there is none.
   *
   * @param wanted the queue, and the case after which to continue. After the last case, the search restarts at the
   *   first one. If no case is given, takes the first unassigned case; if the queue is sorted by due time, escalated
   *   cases come first.
   */
  takeNext(by: Worker, { filters = {}, after }: NextCase): Promise<KnownCase | undefined> {
    return this.database.transaction(async (transaction) => {
      const places =
        after === undefined
          ? [undefined]
          : ([
              { id: after, isLater: true },
              { id: after, isLater: false },
            ] as const);
      for (const place of places) {
        const { text, values } = nextCase(by, filters, place);
        const [found] = await transaction.query(caseRow, text, values);
        if (found === undefined) continue;
        return found.assignee_id === null ? applyChange(transaction, by, found, assignTo(by.person)) : found;
      }
      return undefined;
    });
  }

  /** Users who have signed in to the console and may work on cases. */
  people(tenant: string): Promise<PersonRef[]> {
    return this.database.query(
      personRow,
      "SELECT person_id AS id, name FROM console.people WHERE tenant = $1 AND can_work ORDER BY name, id LIMIT 1000",
      [tenant],
    );
  }

  /** All users who have signed in, most recent first. */
  names(tenant: string): Promise<PersonRef[]> {
    return this.database.query(
      personRow,
      "SELECT person_id AS id, name FROM console.people WHERE tenant = $1 ORDER BY signed_in_ms DESC, id LIMIT 1000",
      [tenant],
    );
  }
}

const ONE_CASE = `SELECT ${CASE_COLUMNS} FROM console.cases c WHERE c.tenant = $1 AND c.id = $2`;
/** The index that allows a card only one open case. */
const ONE_OPEN_CASE = "cases_one_open_per_card";
/** `$now` is replaced with the current time. */
const OPEN = "(c.status = 'open' OR (c.status = 'snoozed' AND c.snoozed_until_ms <= $now))";

function existing([found]: readonly KnownCase[]): KnownCase {
  if (found === undefined) throw new TriplineError("not-found", "This case does not exist.");
  return found;
}

export function assignTo(person: PersonRef | null): CaseChange {
  return {
    set: { assignee_id: person?.id ?? null, assignee_name: person?.name ?? null },
    text: person === null ? "Unassigned the case." : `Assigned the case to ${person.name}.`,
  };
}

/**
 * Changes a case that the transaction has locked.
 *
 * @param person absent if the change is not a user's
 * @throws TriplineError `changed-meanwhile`
 */
export async function applyChange(
  transaction: Queries,
  { person, tenant }: Pick<Worker, "tenant"> & Partial<Pick<Worker, "person">>,
  found: KnownCase,
  { set, text, isUnpublished, also }: CaseChange,
): Promise<KnownCase> {
  if (typeof set.assignee_id === "string" && !(await canWork(transaction, tenant, set.assignee_id))) {
    throw new TriplineError("changed-meanwhile", "This user can no longer work on cases.");
  }
  const nowMs = Date.now();
  const last = person === undefined ? text : `${person.name}: ${text}`;
  const changes = { ...set, changed_at_ms: nowMs, last_change: last };
  const columns = Object.keys(changes).map((name, index) => `${name} = $${index + 2}`);
  const [changed] = await transaction
    .query(
      caseRow,
      `UPDATE console.cases c SET ${columns.join(", ")}, revision = revision + 1 WHERE id = $1 RETURNING ${CASE_COLUMNS}`,
      [found.id, ...Object.values(changes)],
    )
    .catch((error: unknown) => {
      if (!breaksConstraint(error, ONE_OPEN_CASE)) throw error;
      throw new TriplineError(
        "changed-meanwhile",
        "This card has another open case. Close that case first, or continue there.",
      );
    });
  await transaction.execute(
    "INSERT INTO console.case_events (case_id, at_ms, by_id, by_name, text) VALUES ($1, $2, $3, $4, $5)",
    [found.id, nowMs, person?.id ?? null, person?.name ?? null, text],
  );
  const after = existing(changed === undefined ? [] : [changed]);
  const event = isUnpublished ? undefined : eventOf(found, after);
  if (event !== undefined) await queueCaseEvent(transaction, tenant, event, after);
  await also?.(transaction);
  return after;
}

/** Locks the user until the transaction ends, so that a concurrent removal of the user finds the changed case. */
export async function canWork(transaction: Queries, tenant: string, personId: string): Promise<boolean> {
  const found = await transaction.query(
    z.unknown(),
    "SELECT 1 FROM console.people WHERE tenant = $1 AND person_id = $2 AND can_work FOR SHARE",
    [tenant, personId],
  );
  return found.length > 0;
}

/** @param place the case after which to continue, and whether to search only the cases after it */
function nextCase(
  by: Worker,
  filters: CaseFilters,
  place: { readonly id: string; readonly isLater: boolean } | undefined,
) {
  const values: unknown[] = [by.tenant];
  const value = (one: unknown): string => `$${values.push(one)}`;
  const conditions = conditionsOf(by, { ...filters, status: "open" }, value);
  // If the user requested the verdict, another user must confirm it.
  conditions.push(`c.pending->'by'->>'id' IS DISTINCT FROM ${value(by.person.id)}`);
  const { column, isDescending } = SORTS[filters.sort ?? "due"];
  const isDown = filters.descending ?? isDescending;
  if (place === undefined) conditions.push("c.assignee_id IS NULL");
  else {
    const id = value(place.id);
    conditions.push(`c.id <> ${id}`, `(c.assignee_id IS NULL OR c.assignee_id = ${value(by.person.id)})`);
    const from = `(SELECT ${column.replaceAll("c.", "s.")}, s.id FROM console.cases s WHERE s.tenant = $1 AND s.id = ${id})`;
    if (place.isLater) conditions.push(`(${column}, c.id) ${isDown ? "<" : ">"} ${from}`);
  }
  const order = isDown ? "DESC" : "ASC";
  const isUrgency = place === undefined && column === SORTS.due.column;
  // Skips cases that another user is changing at this moment.
  const text = `SELECT ${CASE_COLUMNS} FROM console.cases c WHERE ${conditions.join(" AND ")}
    ORDER BY ${isUrgency ? "c.is_escalated DESC, " : ""}${column} ${order}, c.id ${order}
    LIMIT 1 FOR UPDATE OF c SKIP LOCKED`;
  return { text, values };
}

/** @param value adds a value and returns its placeholder */
function conditionsOf(by: Worker, search: CaseFilters, value: (one: unknown) => string): string[] {
  const conditions = ["c.tenant = $1"];
  const add = <T>(one: T | undefined, condition: (given: T) => string): void => {
    if (one !== undefined) conditions.push(condition(one));
  };
  const now = (condition: string): string => condition.replaceAll("$now", `${value(Date.now())}::bigint`);
  add(search.status, (status) => {
    if (status === "closed") return "c.status = 'closed'";
    return now(status === "open" ? OPEN : "(c.status = 'snoozed' AND c.snoozed_until_ms > $now)");
  });
  // Needed to use the partial indexes, which exclude closed cases.
  if (search.status === "open" || search.status === "snoozed") conditions.push("c.status <> 'closed'");
  add(search.outcome, (outcome) => `c.outcome = ${OUTCOME_NUMBERS[outcome]}`);
  add(search.reason, (reason) => `${value(reason)} = ANY(c.reasons)`);
  add(search.assignee, (assignee) => {
    if (assignee === "nobody") return "c.assignee_id IS NULL";
    return `c.assignee_id = ${value(assignee === "me" ? by.person.id : assignee)}`;
  });
  add(search.escalated, (isEscalated) => `c.is_escalated = ${value(isEscalated)}`);
  add(search.currency, (currency) => `c.currency = ${value(currency)}`);
  add(search.amountMinorMin, (amount) => `c.amount_minor >= ${value(amount)}`);
  add(search.amountMinorMax, (amount) => `c.amount_minor <= ${value(amount)}`);
  add(search.scoreMin, (score) => `coalesce(c.score, -1) >= ${value(score)}`);
  add(search.overdue, (isOverdue) => now(`(c.status <> 'closed' AND c.due_at_ms < $now) = ${value(isOverdue)}`));
  add(search.search === "" ? undefined : search.search, (text) => {
    const given = value(text);
    const byPayment = `c.id IN (SELECT case_id FROM console.case_payments WHERE tenant = $1 AND
      (transaction_id = ${given} OR client_transaction_id = ${given} OR terminal_id = ${given}))`;
    return by.seesTokens ? `(position(${given} IN c.card_token) > 0 OR ${byPayment})` : byPayment;
  });
  return conditions;
}
