import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Res,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { SLOW_REQUESTS } from "../background.js";
import type { DisputeRatios } from "../contract/dispute-ratios.js";
import type * as shown from "../contract/fraud-reports.js";
import { DisputeRatioReader, ratioQuery } from "../dispute-ratios/dispute-ratios.js";
import { writeCsv } from "../requests/write-csv.js";
import { Person, RequirePermission, SessionGuard, showFor } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import {
  RECONCILIATION_HEAD,
  reconcileReports,
  reconciliationCells,
  reconciliationQuery,
} from "./reconcile-reports.js";
import { UnmatchedReports, unmatchedQuery } from "./unmatched-reports.js";

export const matchRequest = z.strictObject({
  transactionId: z.string().regex(/^txn_[0-9a-f]{32}$/, "must be Tripline's ID of a payment"),
});

/** Fraud reports whose payment is not known, and the reconciliation of reports with payments. */
@Controller("/api/fraud-reports")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class UnmatchedReportsController {
  constructor(
    @Inject(UnmatchedReports) private readonly reports: UnmatchedReports,
    @Inject(SLOW_REQUESTS) private readonly database: Database,
    @Inject(DisputeRatioReader) private readonly ratios: DisputeRatioReader,
  ) {}

  @Get("unmatched")
  @RequirePermission("cases:read")
  list(@Person() session: Session, @Query() query: unknown): Promise<shown.UnmatchedPage> {
    return this.reports.list(session.tenant, parseRequest(unmatchedQuery, query), showFor(session));
  }

  @Get("unmatched/:id/candidates")
  @RequirePermission("cases:read")
  candidates(@Person() session: Session, @Param("id") id: string): Promise<shown.CandidatePayment[]> {
    return this.reports.candidates(session.tenant, id);
  }

  @Post("unmatched/:id/match")
  @HttpCode(204)
  @RequirePermission("labels:write")
  async match(@Person() session: Session, @Param("id") id: string, @Body() body: unknown): Promise<void> {
    await this.reports.match(session, id, parseRequest(matchRequest, body).transactionId);
  }

  @Get("reconciliation")
  @RequirePermission("cases:read")
  reconcile(@Person() session: Session, @Query() query: unknown): Promise<shown.Reconciliation> {
    // A year of reports takes longer than the time limit of other requests.
    return reconcileReports(this.database, session.tenant, parseRequest(reconciliationQuery, query));
  }

  @Get("ratios")
  @RequirePermission("cases:read")
  readRatios(@Person() session: Session, @Query() query: unknown): Promise<DisputeRatios> {
    return this.ratios.read(session.tenant, parseRequest(ratioQuery, query));
  }

  @Get("reconciliation.csv")
  @RequirePermission("cases:read")
  async download(@Person() session: Session, @Query() query: unknown, @Res() reply: FastifyReply): Promise<void> {
    const { lines } = await this.reconcile(session, query);
    await reply
      .header("content-type", "text/csv; charset=utf-8")
      .header("content-disposition", 'attachment; filename="reconciliation.csv"')
      .send(writeCsv(RECONCILIATION_HEAD, lines.map(reconciliationCells)));
  }
}
