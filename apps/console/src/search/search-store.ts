import { Inject, Injectable } from "@nestjs/common";
import { IDENTIFIER_PATTERN, TRANSACTION_ID_PATTERN, transactionId } from "@tripline/contracts/identifiers";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { KnownCase } from "../cases/case-rows.js";
import { CASE_COLUMNS, caseRow } from "../cases/case-rows.js";
import type { PersonRef } from "../contract/people.js";
import type { FoundEntity } from "../contract/search.js";
import { SEARCH_HITS_MAX } from "../contract/search.js";
import type { KnownDecision } from "../decisions/decision-rows.js";
import { DECISION_COLUMNS, DECISIONS, decisionRow } from "../decisions/decision-rows.js";
import { paymentsWith, SEARCHED } from "../entities/searched-kinds.js";
import { readAmount } from "./read-amount.js";

const idRow = z.object({ transaction_id: z.string() });
const entityRow = z.object({
  kind: z.string(),
  value: z.string(),
  last_ms: z.coerce.number().nullable(),
});
const personRow = z.object({ id: z.string(), name: z.string() });
const reasonRow = z.object({ value: z.string() });

/** A case's ID or its first digits, as screens show them. Fewer than four digits would match too many cases. */
const CASE_ID = /^(?:case\s+)?(?<digits>[0-9a-f]{4}[0-9a-f-]{0,32})$/i;
const UUID_DIGITS = 32;

/**
 * Finds a tenant's payments, cases, entities, users and reason codes that match a text. Each query reads a bounded
 * number of rows from an index, regardless of the number of payments.
 */
@Injectable()
export class SearchStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async payments(tenant: string, text: string): Promise<KnownDecision[]> {
    const amounts = readAmount(text);
    // Exact IDs come first. With a LIMIT per currency, Postgres does not sort all payments of a frequent amount.
    const ids = await this.database.query(
      idRow,
      `(SELECT transaction_id FROM console.payments WHERE tenant = $1 AND transaction_id = ANY($2::text[]))
       UNION ALL
       (SELECT transaction_id FROM console.payments
        WHERE tenant = $1 AND acquirer_reference = $3 AND acquirer_reference <> '' LIMIT ${SEARCH_HITS_MAX})
       UNION ALL
       (SELECT p.transaction_id FROM unnest($4::text[], $5::bigint[]) AS a (currency, amount_minor)
        CROSS JOIN LATERAL (
          SELECT transaction_id, occurred_at_ms FROM console.payments
          WHERE tenant = $1 AND amount_minor = a.amount_minor AND currency = a.currency
          ORDER BY occurred_at_ms DESC LIMIT ${SEARCH_HITS_MAX}) p
        ORDER BY p.occurred_at_ms DESC LIMIT ${SEARCH_HITS_MAX})`,
      [
        ...[tenant, paymentIds(tenant, text), text],
        ...[amounts.map(({ currency }) => currency), amounts.map(({ amountMinor }) => amountMinor)],
      ],
    );
    if (ids.length === 0) return [];
    const wanted = [...new Set(ids.map(({ transaction_id: id }) => id))].slice(0, SEARCH_HITS_MAX);
    const rows = await this.database.query(
      decisionRow,
      `SELECT ${DECISION_COLUMNS} FROM ${DECISIONS} WHERE d.tenant = $1 AND d.transaction_id = ANY($2::text[])`,
      [tenant, wanted],
    );
    return rows.toSorted((left, right) => wanted.indexOf(left.transaction_id) - wanted.indexOf(right.transaction_id));
  }

  /** @param seesTokens whether the text may be a card token */
  cases(tenant: string, text: string, seesTokens: boolean): Promise<KnownCase[]> {
    const digits = CASE_ID.exec(text)?.groups?.digits?.replaceAll("-", "").slice(0, UUID_DIGITS);
    const bounds =
      digits === undefined ? [null, null] : [digits.padEnd(UUID_DIGITS, "0"), digits.padEnd(UUID_DIGITS, "f")];
    return this.database.query(
      caseRow,
      `SELECT ${CASE_COLUMNS} FROM console.cases c WHERE c.tenant = $1 AND c.id IN (
         (SELECT id FROM console.cases WHERE tenant = $1 AND id BETWEEN $2::uuid AND $3::uuid LIMIT ${SEARCH_HITS_MAX})
         UNION
         (SELECT case_id FROM console.case_payments WHERE tenant = $1 AND transaction_id = ANY($4::text[]))
         UNION
         (SELECT id FROM console.cases WHERE tenant = $1 AND card_token = $5
          ORDER BY opened_at_ms DESC LIMIT ${SEARCH_HITS_MAX}))
       ORDER BY c.opened_at_ms DESC, c.id LIMIT ${SEARCH_HITS_MAX}`,
      [tenant, ...bounds, paymentIds(tenant, text), seesTokens ? text : null],
    );
  }

  /** Entities with this ID or token, and merchants whose ID contains the text. */
  async entities(tenant: string, text: string, seesTokens: boolean): Promise<FoundEntity[]> {
    if (!IDENTIFIER_PATTERN.test(text)) return [];
    const kinds = SEARCHED.filter(({ isPersonal }) => seesTokens || !isPersonal).map(
      ({
        kind,
      }) => `(SELECT '${kind}' AS kind, $2::text AS value, occurred_at_ms AS last_ms ${paymentsWith(kind, "$1", "$2")}
        ORDER BY occurred_at_ms DESC LIMIT 1)`,
    );
    // The table has a bounded number of merchants per tenant.
    const rows = await this.database.query(
      entityRow,
      `${kinds.join(" UNION ALL ")} UNION ALL
       (SELECT 'merchant', merchant_id, NULL FROM console.overview_merchants
        WHERE tenant = $1 AND position(lower($2) IN lower(merchant_id)) > 0 AND merchant_id <> $2
        ORDER BY merchant_id LIMIT ${SEARCH_HITS_MAX})`,
      [tenant, text],
    );
    return rows.map(({ kind, value, last_ms: lastSeenMs }) => ({ kind, value, lastSeenMs }));
  }

  users(tenant: string, text: string): Promise<PersonRef[]> {
    return this.database.query(
      personRow,
      `SELECT person_id AS id, name FROM console.people
       WHERE tenant = $1 AND (position(lower($2) IN lower(name)) > 0 OR person_id = $2)
       ORDER BY name, id LIMIT ${SEARCH_HITS_MAX}`,
      [tenant, text],
    );
  }

  /** Reason codes of payments that the Overview counts. Its table has one row per month, currency and reason. */
  async reasons(tenant: string, text: string): Promise<string[]> {
    const rows = await this.database.query(
      reasonRow,
      `SELECT DISTINCT value FROM console.overview_days
       WHERE tenant = $1 AND dimension = 'reason' AND bucket = 'month' AND position($2 IN value) > 0
       ORDER BY value LIMIT ${SEARCH_HITS_MAX}`,
      [tenant, text.toUpperCase().replaceAll(/[\s-]+/g, "_")],
    );
    return rows.map(({ value }) => value);
  }
}

/** The text itself if it is one of Tripline's IDs; otherwise, the ID of the payment to which a client gave it. */
function paymentIds(tenant: string, text: string): string[] {
  return [TRANSACTION_ID_PATTERN.test(text) ? text : transactionId(tenant, text)];
}
