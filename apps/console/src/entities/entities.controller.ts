import { Controller, Get, Inject, Param, UseGuards, UseInterceptors } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { z } from "zod";
import { toCaseRow } from "../cases/case-rows.js";
import type { EntityDetail } from "../contract/cases.js";
import { DecisionReader } from "../decisions/decision-reader.js";
import { toDecisionRow } from "../decisions/decision-rows.js";
import { Person, RequirePermission, requirePermission, SessionGuard, showFor } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { ViewEvents } from "../view-events.js";
import { EntityStore } from "./entity-store.js";
import { ListReader } from "./list-reader.js";
import { SEARCHED, searchedBy } from "./searched-kinds.js";

export const entity = z.object({
  kind: z.enum(SEARCHED.map(({ kind }) => kind)),
  value: z.string().regex(/^[A-Za-z0-9._:-]{1,64}$/),
});

/** Looks up a card, a terminal or another entity of payments. */
@Controller("/api/entities")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class EntitiesController {
  constructor(
    @Inject(EntityStore) private readonly entities: EntityStore,
    @Inject(DecisionReader) private readonly decisions: DecisionReader,
    @Inject(ListReader) private readonly lists: ListReader,
    @Inject(ViewEvents) private readonly viewEvents: ViewEvents,
  ) {}

  @Get(":kind/:value")
  @RequirePermission("cases:read")
  async find(@Person() session: Session, @Param() path: unknown): Promise<EntityDetail> {
    const given = entity.safeParse(path);
    if (!given.success) throw new TriplineError("not-found", "Not found.");
    const { kind, value } = given.data;
    const { column, isPersonal } = searchedBy(kind);
    // Users who see masked tokens cannot look them up.
    if (isPersonal) requirePermission(session, "personal:read");
    const { tenant } = session;
    const [sums, newest, cases, lists] = await Promise.all([
      this.entities.sums(tenant, kind, value),
      this.entities.newest(tenant, kind, value),
      this.entities.cases(tenant, kind, value),
      this.lists.of(session, kind, value),
    ]);
    if (sums.payments === 0) throw new TriplineError("not-found", `No payments found for this ${kind}.`);
    await this.viewEvents.record(session, kind, value);
    const show = showFor(session);
    const vector = await this.entities.newestVector(tenant, kind, value);
    const spec = currentFeatureSpec();
    const own = new Set(
      spec.features.flatMap((feature) =>
        "entity" in feature && spec.entities[feature.entity]?.key === column ? [feature.name] : [],
      ),
    );
    const read = vector === undefined ? [] : this.decisions.features.read(vector);
    return {
      kind,
      value,
      ...sums,
      decisions: newest.map((row) => toDecisionRow(row, show)),
      features: read.filter(({ name }) => own.has(name)).map(({ name, title, text }) => ({ name, title, text })),
      ...(lists === undefined ? { lists: [], areListsUnknown: true } : { lists }),
      cases: cases.map((row) => toCaseRow(row, show)),
    };
  }
}
