import { Controller, Get, Inject, Query, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard, tenantOf } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyRequest } from "fastify";
import { SLOW_REQUESTS } from "../background.js";
import type { DisputeRatios } from "../contract/dispute-ratios.js";
import type { Reconciliation, UnmatchedPage } from "../contract/fraud-reports.js";
import { DisputeRatioReader, ratioQuery } from "../dispute-ratios/dispute-ratios.js";
import { showTokens } from "../requests/mask-token.js";
import { reconcileReports, reconciliationQuery } from "./reconcile-reports.js";
import { UnmatchedReports, unmatchedQuery } from "./unmatched-reports.js";

/** The same figures as on the Reports screen, for clients with an access token. Card tokens are masked. */
@Controller("/v1/fraud-reports")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class FraudReportApiController {
  constructor(
    @Inject(UnmatchedReports) private readonly reports: UnmatchedReports,
    @Inject(SLOW_REQUESTS) private readonly database: Database,
    @Inject(DisputeRatioReader) private readonly ratios: DisputeRatioReader,
  ) {}

  @Get("unmatched")
  @RequireScope("cases:read")
  list(@Req() request: FastifyRequest, @Query() query: unknown): Promise<UnmatchedPage> {
    return this.reports.list(tenantOf(request), parseRequest(unmatchedQuery, query), showTokens(false));
  }

  @Get("reconciliation")
  @RequireScope("cases:read")
  reconcile(@Req() request: FastifyRequest, @Query() query: unknown): Promise<Reconciliation> {
    return reconcileReports(this.database, tenantOf(request), parseRequest(reconciliationQuery, query));
  }

  @Get("ratios")
  @RequireScope("cases:read")
  readRatios(@Req() request: FastifyRequest, @Query() query: unknown): Promise<DisputeRatios> {
    return this.ratios.read(tenantOf(request), parseRequest(ratioQuery, query));
  }
}
