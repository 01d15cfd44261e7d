import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { noteAudit } from "@tripline/nest-kit/audit/note-audit";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { SLOW_REQUESTS } from "../background.js";
import type { CandidatePayment, UnmatchedPage, UnmatchedReport } from "../contract/fraud-reports.js";
import type { ShowToken } from "../requests/mask-token.js";
import { cursorOf, pageLimit, writeCursor } from "../requests/request-fields.js";
import type { Session } from "../sessions/session-store.js";
import { AUDIT_SOURCE } from "../view-events.js";
import { lockReports } from "./add-reports.js";
import { compareReport } from "./compare-report.js";
import type { CandidateRow } from "./find-candidates.js";
import { candidatesOf, READ_FOR_USER_MAX } from "./find-candidates.js";
import { addMatched } from "./match-reports.js";
import { ReportCounters, readLabelCounts } from "./report-counters.js";
import { toVersion, versionRow } from "./report-rows.js";

export const unmatchedQuery = z.strictObject({
  state: z.enum(["waiting", "ambiguous", "expired"]).default("ambiguous"),
  after: cursorOf("rpt_[0-9a-f]{32}").optional(),
  limit: pageLimit,
});

const unmatchedRow = versionRow.extend({
  state: z.enum(["waiting", "ambiguous", "expired"]),
  acquirer_reference: z.string(),
  authorisation_code: z.string(),
  file: z.string(),
});
type UnmatchedRow = z.infer<typeof unmatchedRow>;
const COLUMNS = Object.keys(unmatchedRow.shape).join(", ");

/** Maximum number of waiting versions of one report, which limits the work per request. */
const VERSIONS_MAX = 100;

/** Lists reports without a payment, and lets users choose their payments. */
@Injectable()
export class UnmatchedReports {
  readonly #counters = new ReportCounters();

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(SLOW_REQUESTS) private readonly slow: Database,
  ) {}

  /** Oldest first. */
  async list(tenant: string, query: z.infer<typeof unmatchedQuery>, show: ShowToken): Promise<UnmatchedPage> {
    const { state, after, limit } = query;
    const rows = await this.database.query(
      unmatchedRow,
      `SELECT ${COLUMNS} FROM console.unmatched_reports
       WHERE tenant = $1 AND state = $2 AND ($3::bigint IS NULL OR (reported_at_ms, report_id) > ($3, $4))
       ORDER BY reported_at_ms, report_id LIMIT $5`,
      [tenant, state, after?.value ?? null, after?.id ?? "", limit + 1],
    );
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return {
      reports: page.flatMap((row) => toUnmatchedReport(row, show) ?? []),
      next: last === undefined ? null : writeCursor(last.reported_at_ms, last.report_id),
    };
  }

  /** @throws TriplineError `not-found` */
  async candidates(tenant: string, reportId: string): Promise<CandidatePayment[]> {
    const report = await this.#require(this.database, tenant, reportId);
    const candidates = await candidatesOf(this.database, [reportId], READ_FOR_USER_MAX);
    return candidates.map((payment) => toCandidate(report, payment));
  }

  /**
   * Matches a report, with its other waiting versions, to one of its candidates.
   *
   * @throws TriplineError `not-found` if the report is no longer unmatched or the payment is not a candidate
   */
  async match(session: Session, reportId: string, transactionId: string): Promise<void> {
    const { tenant } = session;
    // Statements may wait longer than usual, because the projection also takes the lock.
    const counted = await this.slow.transaction(async (transaction) => {
      await lockReports(transaction);
      const { client_report_id: clientReportId } = await this.#require(transaction, tenant, reportId);
      const candidates = await candidatesOf(transaction, [reportId], READ_FOR_USER_MAX);
      const payment = candidates.find(({ transaction_id }) => transaction_id === transactionId);
      if (payment === undefined)
        throw new TriplineError("not-found", "The payment is not a candidate for this report.");
      const versions = await transaction.query(
        z.object({ report_id: z.string(), record: z.instanceof(Buffer) }),
        `SELECT report_id, record FROM console.unmatched_reports WHERE tenant = $1 AND client_report_id = $2
         ORDER BY version LIMIT ${VERSIONS_MAX}`,
        [tenant, clientReportId],
      );
      const matched = versions.map((report) => ({ report, payment, by: "user" as const }));
      const added = await addMatched(transaction, matched, Date.now());
      await noteAudit(transaction, AUDIT_SOURCE, {
        tenant,
        actor: session.personId,
        actorKind: "person",
        action: "report-matched",
        subjectKind: "report",
        subjectId: reportId,
        details: { payment: transactionId },
      });
      return { reported: added.counted, labelled: await readLabelCounts(transaction, added.labelled) };
    });
    this.#counters.count(counted);
  }

  async #require(queries: Pick<Queries, "query">, tenant: string, reportId: string): Promise<UnmatchedRow> {
    const [found] = await queries.query(
      unmatchedRow,
      `SELECT ${COLUMNS} FROM console.unmatched_reports WHERE tenant = $1 AND report_id = $2`,
      [tenant, reportId],
    );
    if (found === undefined) throw new TriplineError("not-found", "There is no unmatched report with this ID.");
    return found;
  }
}

/** @returns undefined for a kind or stage added in a newer release */
function toUnmatchedReport(row: UnmatchedRow, show: ShowToken): UnmatchedReport | undefined {
  const version = toVersion(row);
  return (
    version && {
      ...version,
      state: row.state,
      card: show(row.card_token),
      acquirerReference: row.acquirer_reference,
      authorisationCode: row.authorisation_code,
      occurredAtMs: row.occurred_at_ms,
      reportedAtMs: row.reported_at_ms,
      file: row.file,
    }
  );
}

function toCandidate(report: UnmatchedRow, payment: CandidateRow): CandidatePayment {
  return {
    transactionId: payment.transaction_id,
    clientTransactionId: payment.client_transaction_id,
    amountMinor: payment.amount_minor,
    currency: payment.currency,
    occurredAtMs: payment.occurred_at_ms,
    terminalId: payment.terminal_id,
    acquirerReference: payment.acquirer_reference,
    authorisationCode: payment.authorisation_code,
    agreement: compareReport(report, payment),
  };
}
