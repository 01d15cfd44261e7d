import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { SEARCHED_FIELDS } from "@tripline/contracts/generated/payment-fields";
import { CARD_TOKEN_PATTERN, IDENTIFIER_PATTERN } from "@tripline/contracts/identifiers";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { paymentsWith, SEARCHED } from "../entities/searched-kinds.js";
import { cursorOf, pageLimit } from "../requests/request-fields.js";
import type { KnownDecision } from "./decision-rows.js";
import { DECISION_COLUMNS, DECISIONS, decisionRow, OUTCOME_NUMBERS, OUTCOMES } from "./decision-rows.js";

const searchedValues = Object.fromEntries(
  SEARCHED_FIELDS.map(({ kind, title }) => {
    const value = z.string().regex(IDENTIFIER_PATTERN, "must be an id or a token").optional();
    return [kind, value.meta({ description: `Only payments with this value: ${title}.` })];
  }),
) as Record<(typeof SEARCHED_FIELDS)[number]["kind"], z.ZodOptional<z.ZodString>>;

export const decisionQuery = z.strictObject({
  outcome: z.enum(OUTCOMES).optional(),
  reason: z.string().max(128).optional(),
  card: z.string().regex(CARD_TOKEN_PATTERN, "must be a card token").optional(),
  ...searchedValues,
  after: cursorOf("txn_[0-9a-f]{32}").optional(),
  limit: pageLimit,
});
export type DecisionSearch = z.infer<typeof decisionQuery>;

const recordsRow = decisionRow.extend({ vector: z.instanceof(Buffer), decision: z.instanceof(Buffer) });
/** A decision with its original records. */
export type RecordedDecision = z.infer<typeof recordsRow>;

/** A filter by card, terminal or similar covers its newest payments, up to this many. Results are sorted by decision time. */
const OF_ENTITY_MAX = 5_000;

/** Decided payments of a tenant. */
@Injectable()
export class ProjectedDecisions {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Newest first, with one extra row if there are more. */
  search(tenant: string, search: DecisionSearch): Promise<KnownDecision[]> {
    const values: unknown[] = [tenant];
    const value = (one: unknown): string => `$${values.push(one)}`;
    const conditions = ["d.tenant = $1"];
    const { outcome, reason, after } = search;
    if (outcome !== undefined) conditions.push(`d.outcome = ${OUTCOME_NUMBERS[outcome]}`);
    if (outcome !== undefined && outcome !== "approve") conditions.push("d.outcome > 1");
    if (reason !== undefined) conditions.push(`${value(reason)} = ANY(d.reason_codes)`);
    if (after !== undefined) {
      conditions.push(`(d.decided_at_ms, d.transaction_id) < (${value(Math.round(after.value))}, ${value(after.id)})`);
    }
    for (const { kind } of SEARCHED) {
      const one = search[kind];
      if (one === undefined) continue;
      conditions.push(
        `d.transaction_id IN (SELECT transaction_id ${paymentsWith(kind, "$1", value(one))}
         ORDER BY occurred_at_ms DESC LIMIT ${OF_ENTITY_MAX})`,
      );
    }
    return this.database.query(
      decisionRow,
      `SELECT ${DECISION_COLUMNS} FROM ${DECISIONS} WHERE ${conditions.join(" AND ")}
       ORDER BY d.decided_at_ms DESC, d.transaction_id DESC LIMIT ${value(search.limit + 1)}`,
      values,
    );
  }

  /** @throws TriplineError `decision-not-found`, also for another tenant's decision */
  async find(tenant: string, transactionId: string): Promise<RecordedDecision> {
    const [found] = await this.database.query(
      recordsRow,
      `SELECT ${DECISION_COLUMNS}, p.record AS vector, d.record AS decision FROM ${DECISIONS}
       WHERE d.tenant = $1 AND d.transaction_id = $2`,
      [tenant, transactionId],
    );
    if (found === undefined) throw new TriplineError("decision-not-found", "This decision does not exist.");
    return found;
  }
}
