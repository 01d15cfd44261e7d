import { Controller, Get, Inject, Query, UseGuards, UseInterceptors } from "@nestjs/common";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import { parseRequest } from "@tripline/http/parse-request";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { Overview } from "../contract/overview.js";
import type { Work } from "../contract/work.js";
import { may, Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { overviewQueryAt } from "./overview-period.js";
import { OverviewReader } from "./overview-reader.js";
import { WorkReader, workQuery } from "./work-reader.js";

/** Payments, verdicts and amounts by day, week and month, and figures about the work on cases. */
@Controller("/api/overview")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class OverviewController {
  constructor(
    @Inject(OverviewReader) private readonly overview: OverviewReader,
    @Inject(WorkReader) private readonly cases: WorkReader,
    @Inject(RateLimits) private readonly limits: RateLimits,
  ) {}

  @Get()
  @RequirePermission("overview:read")
  read(@Person() { tenant, personId }: Session, @Query() query: unknown): Promise<Overview> {
    this.limits.spend({ tenant, subject: personId }, 1);
    const nowMs = Date.now();
    return this.overview.read(tenant, parseRequest(overviewQueryAt(nowMs), query), nowMs);
  }

  @Get("work")
  @RequirePermission("overview:read")
  work(@Person() session: Session, @Query() query: unknown): Promise<Work> {
    const { tenant, personId: subject } = session;
    this.limits.spend({ tenant, subject }, 1);
    return this.cases.read(tenant, parseRequest(workQuery, query).days, may(session, "cases:read"));
  }
}
