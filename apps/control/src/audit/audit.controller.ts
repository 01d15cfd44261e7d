import { Controller, Get, Inject, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { managedBy } from "../requests/managed-tenant.js";
import { page, parseRequest } from "../requests/parse-request.js";
import { readAudit } from "./audit-log.js";

/** Who changed what. */
@Controller("/v1/audit")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class AuditController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CONTROL_CONFIG) private readonly config: ControlConfig,
  ) {}

  @Get()
  @RequireScope("policy:read")
  async read(@Req() request: FastifyRequest): Promise<object> {
    const { tenant } = managedBy(request, this.config.OPERATOR_TENANT);
    return { entries: await readAudit(this.database, tenant, parseRequest(page, request.query)) };
  }
}
