import { Controller, Delete, Get, Inject, Post, Req, Res, UseGuards, UseInterceptors } from "@nestjs/common";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyReply, FastifyRequest } from "fastify";
import { actorOf, notFound } from "../../admin/admin-action.js";
import { answerRequest, CREATED, REPLY } from "../../admin/grants/answer-request.js";
import { Grants } from "../../admin/grants/grants.js";
import type { ListedScimToken } from "./scim-token-store.js";
import { hashScimToken, newScimToken, scimTokenOf } from "./scim-token-store.js";

/** The token with which the identity provider of the caller's tenant calls the SCIM API. */
@Controller("/v1/identity-provider/scim-token")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ScimTokenController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Grants) private readonly grants: Grants,
  ) {}

  @Get()
  @RequireScope("people:read")
  async show(@Req() request: FastifyRequest): Promise<ListedScimToken> {
    const token = await scimTokenOf(this.database, actorOf(request).tenant);
    if (token === undefined) throw notFound("SCIM token");
    return token;
  }

  /** Returns a new token. It cannot be retrieved later, and the previous one stops working. */
  @Post()
  @RequireScope("people:write")
  async set(@Req() request: FastifyRequest, @Res(REPLY) reply: FastifyReply): Promise<object> {
    const token = newScimToken();
    const change = { action: "scim-token-set", secret_hash: hashScimToken(token) } as const;
    return answerRequest(reply, await this.grants.request(actorOf(request), change), { token }, CREATED);
  }

  @Delete()
  @RequireScope("people:write")
  async remove(@Req() request: FastifyRequest, @Res(REPLY) reply: FastifyReply): Promise<object> {
    return answerRequest(reply, await this.grants.request(actorOf(request), { action: "scim-token-remove" }));
  }
}
