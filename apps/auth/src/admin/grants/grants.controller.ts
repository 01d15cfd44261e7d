import { Controller, Get, HttpCode, Inject, Param, Post, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import { ProviderDomains } from "../../single-sign-on/provider-domains.js";
import { actorOf } from "../admin-action.js";
import { Grants } from "./grants.js";

/** Changes to users and clients of the caller's tenant that wait for a second administrator. */
@Controller("/v1/grants")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class GrantsController {
  constructor(
    @Inject(Grants) private readonly grants: Grants,
    @Inject(ProviderDomains) private readonly domains: ProviderDomains,
  ) {}

  @Get()
  @RequireScope("people:read")
  async list(@Req() request: FastifyRequest): Promise<object> {
    return { grants: await this.grants.list(actorOf(request)) };
  }

  /** Requires an administrator other than the one who made the request. Domains may have been transferred since then. */
  @Post(":id/approve")
  @HttpCode(200)
  @RequireScope("people:write")
  async approve(@Req() request: FastifyRequest, @Param("id") id: string): Promise<object> {
    const by = actorOf(request);
    const change = await this.grants.find(by, id);
    if (change.action === "provider-set") await this.domains.check(by.tenant, change.settings.domains);
    return this.grants.approve(by, id);
  }

  @Post(":id/reject")
  @HttpCode(200)
  @RequireScope("people:write")
  reject(@Req() request: FastifyRequest, @Param("id") id: string): Promise<object> {
    return this.grants.reject(actorOf(request), id);
  }
}
