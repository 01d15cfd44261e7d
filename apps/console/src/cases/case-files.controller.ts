import { Controller, Get, Inject, Param, Query, Res, UseGuards, UseInterceptors } from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyReply } from "fastify";
import type { CaseRow } from "../contract/cases.js";
import type { DecisionRow } from "../contract/decisions.js";
import { AtOnce } from "../requests/at-once.js";
import { PAGE_MAX } from "../requests/request-fields.js";
import { writeCsv } from "../requests/write-csv.js";
import { may, Person, RequirePermission, SessionGuard, showFor } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { ViewEvents } from "../view-events.js";
import { CaseReader } from "./case-reader.js";
import { caseCursor, caseFileQuery, parseCaseId, reportQuery, workerOf } from "./case-requests.js";
import { CaseStore } from "./case-store.js";
import { writeReport } from "./report/write-report.js";

const ROWS_MAX = 10_000;
/** Maximum number of concurrent reports. Each one uses a core for a few tenths of a second. */
const REPORTS_AT_ONCE_MAX = 2;
/** Maximum number of concurrent queue exports. Each export reads up to 50 pages. */
const EXPORTS_AT_ONCE_MAX = 2;

const CASE_HEAD = [
  ...[
    "id",
    "status",
    "card",
    "outcome",
    "score",
    "payments",
    "amount_minor",
    "currency",
    "reasons",
    "opened_at",
    "due_at",
  ],
  ...["assignee", "escalated", "verdict"],
];
const PAYMENT_HEAD = [
  ...[
    "transaction_id",
    "client_transaction_id",
    "card",
    "terminal",
    "amount_minor",
    "currency",
    "occurred_at",
    "decided_at",
  ],
  ...["outcome", "score", "reason", "label"],
];

/** Exports cases as CSV and PDF. */
@Controller("/api")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class CaseFilesController {
  readonly #exports = new AtOnce(EXPORTS_AT_ONCE_MAX, "exports of the queue are being created");
  readonly #reports = new AtOnce(REPORTS_AT_ONCE_MAX, "reports are being created");

  constructor(
    @Inject(CaseStore) private readonly cases: CaseStore,
    @Inject(CaseReader) private readonly reader: CaseReader,
    @Inject(ViewEvents) private readonly viewEvents: ViewEvents,
  ) {}

  @Get("cases.csv")
  @RequirePermission("cases:read")
  async queue(@Person() session: Session, @Query() query: unknown, @Res() reply: FastifyReply): Promise<void> {
    const search = parseRequest(caseFileQuery, query);
    const rows = await this.#exports.run(async () => {
      const found: CaseRow[] = [];
      // Stops if the user has disconnected, so that another export can start.
      for (let after = search.after; found.length < ROWS_MAX && !reply.raw.destroyed; ) {
        const page = await this.cases.search(
          workerOf(session),
          { ...search, after, limit: PAGE_MAX },
          showFor(session),
        );
        found.push(...page.cases);
        if (page.next === null) break;
        after = caseCursor.parse(page.next);
      }
      await this.viewEvents.record(session, "queue", `${found.length} cases as a file`);
      return found;
    });
    await sendFile(reply, "cases.csv", CSV, writeCsv(CASE_HEAD, rows.map(caseCells)));
  }

  @Get("cases/:id/payments.csv")
  @RequirePermission("cases:read")
  async payments(@Person() session: Session, @Param() path: unknown, @Res() reply: FastifyReply): Promise<void> {
    const found = await this.cases.find(session.tenant, parseCaseId(path));
    await this.viewEvents.record(session, "case", found.id, { file: "payments.csv" });
    const rows = await this.reader.payments(session.tenant, found.id, showFor(session));
    await sendFile(reply, `case-${found.id}.csv`, CSV, writeCsv(PAYMENT_HEAD, rows.map(paymentCells)));
  }

  @Get("cases/:id/report.pdf")
  @RequirePermission("cases:read")
  async report(
    @Person() session: Session,
    @Param() path: unknown,
    @Query() query: unknown,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { zone } = parseRequest(reportQuery, query);
    const found = await this.cases.find(session.tenant, parseCaseId(path));
    const pdf = await this.#reports.run(async () => {
      await this.viewEvents.record(session, "case", found.id, { file: "report.pdf" });
      const seesTokens = may(session, "personal:read");
      const shown = await this.reader.read(session.tenant, found, seesTokens);
      return writeReport({ of: shown, reader: { name: session.personName, seesTokens, zone, nowMs: Date.now() } });
    });
    await sendFile(reply, `case-${found.id}.pdf`, "application/pdf", pdf);
  }
}

const CSV = "text/csv; charset=utf-8";

async function sendFile(reply: FastifyReply, name: string, type: string, content: string | Buffer): Promise<void> {
  await reply
    .headers({ "content-disposition": `attachment; filename="${name}"`, "x-content-type-options": "nosniff" })
    .type(type)
    .send(content);
}

const timeOf = (ms: number): string => new Date(ms).toISOString();

function caseCells(row: CaseRow) {
  return [
    ...[row.id, row.status, row.cardToken, row.outcome, row.score, row.payments, row.amountMinor, row.currency],
    ...[row.reasons.join(" "), timeOf(row.openedAtMs), timeOf(row.dueAtMs), row.assignee?.name ?? null],
    ...[row.isEscalated, row.verdict],
  ];
}

function paymentCells(row: DecisionRow) {
  const label = row.label === null ? null : row.label.fraud ? "fraud" : "genuine";
  return [
    ...[row.transactionId, row.clientTransactionId, row.cardToken, row.terminalId, row.amountMinor, row.currency],
    ...[timeOf(row.occurredAtMs), timeOf(row.decidedAtMs), row.outcome, row.score, row.reason?.code ?? null, label],
  ];
}
