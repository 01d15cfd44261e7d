import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Put,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { parseRequest } from "@tripline/http/parse-request";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { viewName, viewQuery } from "../cases/case-requests.js";
import type { SavedView } from "../contract/cases.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";

const VIEWS_MAX = 100;

const viewRow = z.object({ name: z.string(), query: viewQuery });

/** A user's saved searches of the queue. */
@Controller("/api/views")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class ViewsController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Get()
  @RequirePermission("cases:read")
  list(@Person() { tenant, personId }: Session): Promise<SavedView[]> {
    return this.database.query(
      viewRow,
      "SELECT name, query FROM console.views WHERE tenant = $1 AND person_id = $2 ORDER BY name",
      [tenant, personId],
    ) as Promise<SavedView[]>;
  }

  @Get(":name")
  @RequirePermission("cases:read")
  async find(@Person() session: Session, @Param() path: unknown): Promise<SavedView> {
    const { name } = parseRequest(viewName, path);
    const found = (await this.list(session)).find((view) => view.name === name);
    if (found === undefined) throw new TriplineError("not-found", "This view does not exist.");
    return found;
  }

  /** Saves a view. The body is the view's query. */
  @Put(":name")
  @RequirePermission("cases:read")
  async save(@Person() session: Session, @Param() path: unknown, @Body() body: unknown): Promise<SavedView> {
    const { name } = parseRequest(viewName, path);
    const query = parseRequest(viewQuery, body);
    const saved = await this.database.execute(
      `INSERT INTO console.views (tenant, person_id, name, query) SELECT $1, $2, $3, $4
       WHERE (SELECT count(*) FROM console.views WHERE tenant = $1 AND person_id = $2 AND name <> $3) < ${VIEWS_MAX}
       ON CONFLICT (tenant, person_id, name) DO UPDATE SET query = excluded.query`,
      [session.tenant, session.personId, name, JSON.stringify(query)],
    );
    if (saved === 0)
      throw new TriplineError("too-many-requests", `You have ${VIEWS_MAX} views, the maximum. Delete one first.`);
    return { name, query } as SavedView;
  }

  @Delete(":name")
  @HttpCode(204)
  @RequirePermission("cases:read")
  async remove(@Person() session: Session, @Param() path: unknown): Promise<void> {
    const { name } = parseRequest(viewName, path);
    await this.database.execute("DELETE FROM console.views WHERE tenant = $1 AND person_id = $2 AND name = $3", [
      session.tenant,
      session.personId,
      name,
    ]);
  }
}
