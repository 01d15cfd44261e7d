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
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { parseRequest } from "@tripline/service-kit/http/parse-request";
import type { FastifyRequest } from "fastify";
import { machineClient } from "../clients/client-registration.js";
import { actorOf } from "./admin-action.js";
import { ClientsAdmin } from "./clients-admin.js";
import { newSecret } from "./new-secret.js";

const newOwner = machineClient.pick({ owner: true }).required();

/** Machine clients of the caller's tenant. A change is known to every service within two seconds. */
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

  /** Without public keys a secret is made, and shown in this answer alone. */
  @Post()
  @RequireScope("people:write")
  async add(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const { jwks, ...client } = parseRequest(machineClient, body);
    if (jwks !== undefined) return this.clients.add(actorOf(request), { ...client, jwks });
    const secret = newSecret();
    const added = await this.clients.add(actorOf(request), { ...client, client_secret: secret });
    return { ...added, client_secret: secret };
  }

  @Post(":id/disable")
  @HttpCode(200)
  @RequireScope("people:write")
  disable(@Req() request: FastifyRequest, @Param("id") id: string): Promise<object> {
    return this.clients.disable(actorOf(request), id);
  }

  @Post(":id/enable")
  @HttpCode(200)
  @RequireScope("people:write")
  enable(@Req() request: FastifyRequest, @Param("id") id: string): Promise<object> {
    return this.clients.enable(actorOf(request), id);
  }

  /** The user who answers for the client: it counts as that user wherever a change takes two users. */
  @Put(":id/owner")
  @RequireScope("people:write")
  setOwner(@Req() request: FastifyRequest, @Param("id") id: string, @Body() body: unknown): Promise<object> {
    return this.clients.setOwner(actorOf(request), id, parseRequest(newOwner, body).owner);
  }

  /** Answers with a new secret, this once. */
  @Post(":id/rotate-secret")
  @HttpCode(200)
  @RequireScope("people:write")
  async rotateSecret(@Req() request: FastifyRequest, @Param("id") id: string): Promise<object> {
    const secret = newSecret();
    return { ...(await this.clients.rotateSecret(actorOf(request), id, secret)), client_secret: secret };
  }
}
