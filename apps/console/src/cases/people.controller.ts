import { Controller, Get, Inject, UseGuards } from "@nestjs/common";
import type { PersonRef } from "../contract/people.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { CaseStore } from "./case-store.js";

/** Users who have signed in to the console. */
@Controller("/api/people")
@UseGuards(SessionGuard)
export class PeopleController {
  constructor(@Inject(CaseStore) private readonly cases: CaseStore) {}

  /** Users to whom cases can be assigned. */
  @Get()
  @RequirePermission("cases:read")
  list(@Person() { tenant }: Session): Promise<PersonRef[]> {
    return this.cases.people(tenant);
  }

  /** For showing names instead of IDs. Users may see the names of all users in their tenant. */
  @Get("names")
  @RequirePermission("signed-in")
  names(@Person() { tenant }: Session): Promise<PersonRef[]> {
    return this.cases.names(tenant);
  }
}
