import { Body, Controller, Get, HttpCode, Inject, Put, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import { OperatorOnly } from "@tripline/nest-kit/http/open-to";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { operatorOf } from "../requests/managed-tenant.js";
import { trainingFacts } from "./operations-requests.js";

const TRAINING = "training";

const jobRow = z.object({ facts: trainingFacts, reported_by: z.string(), reported_at: z.date() });

/** Status reports of jobs that cannot be queried directly. */
@Controller("/v1/jobs")
@OperatorOnly(true)
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class JobsController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  @Get()
  @RequireScope("operations:read")
  async list(@Req() request: FastifyRequest): Promise<object> {
    operatorOf(request, this.config.OPERATOR_TENANT);
    const [row] = await this.database.query(
      jobRow,
      "SELECT facts, reported_by, reported_at FROM control.jobs WHERE name = $1",
      [TRAINING],
    );
    return { training: row === undefined ? null : { ...row, reported_at: row.reported_at.toISOString() } };
  }

  /** For the training worker, which may lead rollouts. */
  @Put("training")
  @HttpCode(204)
  @RequireScope("models:write")
  async report(@Req() request: FastifyRequest, @Body() body: unknown): Promise<void> {
    const { actor } = operatorOf(request, this.config.OPERATOR_TENANT);
    await this.database.execute(
      `INSERT INTO control.jobs (name, facts, reported_by, reported_at) VALUES ($1, $2, $3, now())
       ON CONFLICT (name) DO UPDATE SET facts = excluded.facts, reported_by = excluded.reported_by, reported_at = now()`,
      [TRAINING, JSON.stringify(parseRequest(trainingFacts, body)), actor],
    );
  }
}
