import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Req,
  Res,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyReply, FastifyRequest } from "fastify";
import { addedClient } from "../clients/client-registration.js";
import { actorOf } from "./admin-action.js";
import { ClientsAdmin } from "./clients-admin.js";
import { answerRequest, CREATED, REPLY } from "./grants/answer-request.js";
import { newSecret } from "./new-secret.js";

export const newOwner = addedClient.pick({ owner: true }).required();

/** Machine clients of the caller's tenant. Changes reach every service within two seconds. */
@Controller("/v1/clients")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ClientsController {
  constructor(@Inject(ClientsAdmin) private readonly clients: ClientsAdmin) {}

  @Get()
  @RequireScope("people:read")
  async list(@Req() request: FastifyRequest): Promise<object> {
    return { clients: await this.clients.list(actorOf(request)) };
  }

  /** Without public keys, a secret is generated and returned only in this response. */
  @Post()
  @RequireScope("people:write")
  async add(@Req() request: FastifyRequest, @Res(REPLY) reply: FastifyReply, @Body() body: unknown): Promise<object> {
    const client = parseRequest(addedClient, body);
    const secret = client.jwks === undefined ? { client_secret: newSecret() } : {};
    const added = await this.clients.add(actorOf(request), { ...client, ...secret });
    return answerRequest(reply, added, secret, CREATED);
  }

  @Post(":id/disable")
  @HttpCode(200)
  @RequireScope("people:write")
  disable(@Req() request: FastifyRequest, @Param("id") id: string): Promise<object> {
    return this.clients.disable(actorOf(request), id);
  }

  @Post(":id/enable")
  @RequireScope("people:write")
  async enable(
    @Req() request: FastifyRequest,
    @Res(REPLY) reply: FastifyReply,
    @Param("id") id: string,
  ): Promise<object> {
    return answerRequest(reply, await this.clients.enable(actorOf(request), id));
  }

  /** The user responsible for the client. In changes that need two users, the client counts as that user. */
  @Put(":id/owner")
  @RequireScope("people:write")
  async setOwner(
    @Req() request: FastifyRequest,
    @Res(REPLY) reply: FastifyReply,
    @Param("id") id: string,
    @Body() body: unknown,
  ): Promise<object> {
    const { owner } = parseRequest(newOwner, body);
    return answerRequest(reply, await this.clients.setOwner(actorOf(request), id, owner));
  }

  /** Returns a new secret. It cannot be retrieved later. */
  @Post(":id/rotate-secret")
  @RequireScope("people:write")
  async rotateSecret(
    @Req() request: FastifyRequest,
    @Res(REPLY) reply: FastifyReply,
    @Param("id") id: string,
  ): Promise<object> {
    const secret = newSecret();
    const rotated = await this.clients.rotateSecret(actorOf(request), id, secret);
    return answerRequest(reply, rotated, { client_secret: secret });
  }
}
