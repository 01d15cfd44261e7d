import { Inject, Injectable } from "@nestjs/common";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { KnownCase } from "../cases/case-rows.js";
import { CASE_COLUMNS, caseRow } from "../cases/case-rows.js";
import type { EntityDetail } from "../contract/cases.js";
import type { KnownDecision } from "../decisions/decision-rows.js";
import { DECISION_COLUMNS, DECISIONS, decisionRow } from "../decisions/decision-rows.js";
import type { SearchedKind } from "./searched-kinds.js";
import { paymentsWith } from "./searched-kinds.js";

/** For a large shop, only the newest payments are counted. */
const COUNTED_MAX = 10_000;
const SHOWN_MAX = 100;
const CASES_MAX = 50;

const sumsRow = z.object({
  payments: z.coerce.number(),
  frauds: z.coerce.number(),
  first_ms: z.coerce.number().nullable(),
  last_ms: z.coerce.number().nullable(),
});
const vectorRow = z.object({ record: z.instanceof(Buffer) });

type Sums = Pick<EntityDetail, "payments" | "frauds" | "firstSeenMs" | "lastSeenMs">;

/** Finds payments by a shared value. */
@Injectable()
export class EntityStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async sums(tenant: string, kind: SearchedKind, value: string): Promise<Sums> {
    const [row] = await this.database.query(
      sumsRow,
      `SELECT count(*) AS payments, count(*) FILTER (WHERE l.fraud) AS frauds, max(p.occurred_at_ms) AS last_ms,
         (SELECT min(occurred_at_ms) ${paymentsWith(kind, "$1", "$2")}) AS first_ms
       FROM (SELECT transaction_id, occurred_at_ms ${paymentsWith(kind, "$1", "$2")}
         ORDER BY occurred_at_ms DESC LIMIT ${COUNTED_MAX}) p
       LEFT JOIN console.labels l USING (transaction_id)`,
      [tenant, value],
    );
    const { payments = 0, frauds = 0, first_ms: firstSeenMs = null, last_ms: lastSeenMs = null } = row ?? {};
    return { payments, frauds, firstSeenMs, lastSeenMs };
  }

  newest(tenant: string, kind: SearchedKind, value: string): Promise<KnownDecision[]> {
    return this.database.query(
      decisionRow,
      `SELECT ${DECISION_COLUMNS} FROM ${DECISIONS} WHERE d.transaction_id IN (
         SELECT transaction_id ${paymentsWith(kind, "$1", "$2")} ORDER BY occurred_at_ms DESC LIMIT ${SHOWN_MAX})
       ORDER BY p.occurred_at_ms DESC, p.transaction_id`,
      [tenant, value],
    );
  }

  async newestVector(tenant: string, kind: SearchedKind, value: string): Promise<FeatureVector | undefined> {
    const [row] = await this.database.query(
      vectorRow,
      `SELECT record FROM console.payments WHERE transaction_id =
         (SELECT transaction_id ${paymentsWith(kind, "$1", "$2")} ORDER BY occurred_at_ms DESC LIMIT 1)`,
      [tenant, value],
    );
    return row === undefined ? undefined : FeatureVector.decode(row.record);
  }

  cases(tenant: string, kind: SearchedKind, value: string): Promise<KnownCase[]> {
    return this.database.query(
      caseRow,
      `SELECT ${CASE_COLUMNS} FROM console.cases c WHERE c.tenant = $1 AND c.id IN (
         SELECT o.case_id FROM console.case_payments o WHERE o.transaction_id IN (
           SELECT transaction_id ${paymentsWith(kind, "$1", "$2")} ORDER BY occurred_at_ms DESC LIMIT ${COUNTED_MAX}))
       ORDER BY c.opened_at_ms DESC, c.id LIMIT ${CASES_MAX}`,
      [tenant, value],
    );
  }
}
