import { Controller, Get, Inject, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { managedBy } from "../requests/managed-tenant.js";
import { maskTokens } from "../requests/mask-tokens.js";

const SHOWN_MAX = 100;

const erasureRow = z.object({
  subject: z.string(),
  erased_at: z.date(),
  is_published: z.boolean(),
  published_at: z.date().nullable(),
});
const countRow = z.object({ total: z.coerce.number(), unpublished: z.coerce.number() });

/**
 * Progress of a tenant's erasures. The keys of each listed erasure are already destroyed. Services are notified
 * afterwards.
 */
@Controller("/v1/erasures")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ErasuresController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  @Get()
  @RequireScope("operations:read")
  async list(@Req() request: FastifyRequest): Promise<object> {
    const { tenant } = managedBy(request, this.config.OPERATOR_TENANT);
    const [[count], rows] = await Promise.all([
      this.database.query(
        countRow,
        `SELECT count(*) AS total, count(*) FILTER (WHERE NOT is_published) AS unpublished
         FROM control.erasures WHERE tenant = $1`,
        [tenant],
      ),
      this.database.query(
        erasureRow,
        `SELECT subject, erased_at, is_published, published_at FROM control.erasures WHERE tenant = $1
         ORDER BY is_published, erased_at DESC LIMIT ${SHOWN_MAX}`,
        [tenant],
      ),
    ]);
    return {
      total: count?.total ?? 0,
      unpublished: count?.unpublished ?? 0,
      erasures: rows.map(({ subject, erased_at, is_published, published_at }) => ({
        subject: maskTokens(subject),
        erased_at: erased_at.toISOString(),
        is_published,
        published_at: published_at?.toISOString() ?? null,
      })),
    };
  }
}
