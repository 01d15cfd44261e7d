import { Body, Controller, HttpCode, Inject, Post, UseGuards, UseInterceptors } from "@nestjs/common";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import { parseRequest } from "@tripline/http/parse-request";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { z } from "zod";
import { toCaseRow } from "../cases/case-rows.js";
import type { SearchResult } from "../contract/search.js";
import { SEARCH_CHARACTERS_MAX, SEARCH_CHARACTERS_MIN } from "../contract/search.js";
import { toDecisionRow } from "../decisions/decision-rows.js";
import { SEARCHED } from "../entities/searched-kinds.js";
import { writtenText } from "../requests/request-fields.js";
import { may, Person, RequirePermission, SessionGuard, showFor } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { ViewEvents } from "../view-events.js";
import { SearchStore } from "./search-store.js";

const tooShort = `must have at least ${SEARCH_CHARACTERS_MIN} characters`;
export const searchRequest = z.strictObject({
  // Postgres does not accept NUL. Other control characters are not useful in a search.
  text: writtenText(SEARCH_CHARACTERS_MAX)
    .refine((text) => !/\p{Cc}/u.test(text), "must not contain control characters")
    .min(SEARCH_CHARACTERS_MIN, tooShort),
});

/** The format of card tokens and other personal tokens. */
const TOKEN = /^[a-z]{2}_[0-9a-f]{8,}$/;

/** One search for everything that the user may see. */
@Controller("/api/search")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class SearchController {
  constructor(
    @Inject(SearchStore) private readonly store: SearchStore,
    @Inject(ViewEvents) private readonly viewEvents: ViewEvents,
    @Inject(RateLimits) private readonly limits: RateLimits,
  ) {}

  /** A POST, so that tokens do not appear in URLs, which are logged. */
  @Post()
  @HttpCode(200)
  @RequirePermission("cases:read")
  async search(@Person() session: Session, @Body() body: unknown): Promise<SearchResult> {
    const { tenant } = session;
    this.limits.spend({ tenant, subject: session.personId }, 1);
    const { text } = parseRequest(searchRequest, body);
    const show = showFor(session);
    const seesTokens = may(session, "personal:read");
    const [payments, cases, entities, users, reasons] = await Promise.all([
      may(session, "decisions:read") ? this.store.payments(tenant, text) : [],
      this.store.cases(tenant, text, seesTokens),
      this.store.entities(tenant, text, seesTokens),
      this.store.users(tenant, text),
      this.store.reasons(tenant, text),
    ]);
    // Like the entity's page, a hit reveals that the entity has payments.
    for (const { kind } of SEARCHED.filter(({ isPersonal }) => isPersonal)) {
      if (entities.some((one) => one.kind === kind))
        await this.viewEvents.record(session, kind, text, { by: "search" });
    }
    return {
      payments: payments.map((row) => toDecisionRow(row, show)),
      cases: cases.map((row) => toCaseRow(row, show)),
      entities,
      users,
      reasons,
      isTokenHidden: !seesTokens && TOKEN.test(text),
    };
  }
}
