import { Body, Controller, Get, HttpCode, Inject, Param, Post, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { ListPublisher } from "../lists/list-publisher.js";
import { managedBy } from "../requests/managed-tenant.js";
import { note } from "../requests/request-schemas.js";
import { ChangeRequests } from "./change-requests.js";

export const changeId = z.object({ id: z.uuid("must be the ID of a change") });
export const settlement = z.strictObject({ note });

/** Changes that await another user. The parameter `tenant` selects the tenant. */
@Controller("/v1/approvals")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ApprovalsController {
  constructor(
    @Inject(ChangeRequests) private readonly changes: ChangeRequests,
    @Inject(ListPublisher) private readonly lists: ListPublisher,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  @Get()
  @RequireScope("policy:read")
  async open(@Req() request: FastifyRequest): Promise<object> {
    return { approvals: await this.changes.open(managedBy(request, this.config.OPERATOR_TENANT).tenant) };
  }

  @Post(":id/confirm")
  @HttpCode(204)
  @RequireScope("policy:approve")
  async confirm(@Req() request: FastifyRequest, @Param() path: unknown, @Body() body: unknown): Promise<void> {
    const { note: why } = parseRequest(settlement, body ?? {});
    const by = managedBy(request, this.config.OPERATOR_TENANT);
    const kind = await this.changes.confirm(by, parseRequest(changeId, path).id, why);
    if (kind === "list-entries") await this.lists.publish();
  }

  @Post(":id/refuse")
  @HttpCode(204)
  @RequireScope("policy:approve")
  async refuse(@Req() request: FastifyRequest, @Param() path: unknown, @Body() body: unknown): Promise<void> {
    const { note: why } = parseRequest(settlement, body ?? {});
    const by = managedBy(request, this.config.OPERATOR_TENANT);
    await this.changes.refuse(by, parseRequest(changeId, path).id, why);
  }
}
