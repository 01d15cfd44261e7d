import { Controller, Get, Inject, Param, Query, UseGuards, UseInterceptors } from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type * as shown from "../contract/decisions.js";
import type { PaymentDetail } from "../contract/payments.js";
import { SEARCHED } from "../entities/searched-kinds.js";
import { writeCursor } from "../requests/request-fields.js";
import { may, Person, RequirePermission, requirePermission, SessionGuard, showFor } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { ViewEvents } from "../view-events.js";
import { DecisionReader } from "./decision-reader.js";
import { toDecisionRow } from "./decision-rows.js";
import { decisionQuery, ProjectedDecisions } from "./projected-decisions.js";

/** Search of decisions. */
@Controller("/api/decisions")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class DecisionSearchController {
  constructor(
    @Inject(ProjectedDecisions) private readonly store: ProjectedDecisions,
    @Inject(DecisionReader) private readonly reader: DecisionReader,
    @Inject(ViewEvents) private readonly viewEvents: ViewEvents,
  ) {}

  @Get()
  @RequirePermission("decisions:read")
  async search(@Person() session: Session, @Query() query: unknown): Promise<shown.DecisionPage> {
    const search = parseRequest(decisionQuery, query);
    // Users who see masked tokens cannot search for them.
    if (SEARCHED.some(({ kind, isPersonal }) => isPersonal && search[kind] !== undefined))
      requirePermission(session, "personal:read");
    const rows = await this.store.search(session.tenant, search);
    const page = rows.slice(0, search.limit);
    const last = rows.length > page.length ? page.at(-1) : undefined;
    return {
      decisions: page.map((row) => toDecisionRow(row, showFor(session))),
      next: last === undefined ? null : writeCursor(last.decided_at_ms, last.transaction_id),
    };
  }

  @Get(":id")
  @RequirePermission("decisions:read")
  async find(@Person() session: Session, @Param("id") id: string): Promise<PaymentDetail> {
    const detail = await this.reader.readPayment(id, session.tenant, may(session, "personal:read"));
    await this.viewEvents.record(session, "decision", detail.transactionId);
    return detail;
  }
}
