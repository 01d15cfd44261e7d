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
import { z } from "zod";
import { canonicalUserName } from "../people/canonical-user-name.js";
import { password, personRegistration, roles } from "../people/person-registration.js";
import { actorOf } from "./admin-action.js";
import { answerRequest, CREATED, REPLY } from "./grants/answer-request.js";
import { newSecret } from "./new-secret.js";
import { PeopleAdmin } from "./people-admin.js";

export const newPerson = personRegistration.omit({ tenant: true }).extend({ password: password.optional() });
export const newRoles = z.strictObject({ roles });

/** Users of the caller's tenant. Changes reach every service within two seconds. */
@Controller("/v1/people")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class PeopleController {
  constructor(@Inject(PeopleAdmin) private readonly people: PeopleAdmin) {}

  @Get()
  @RequireScope("people:read")
  async list(@Req() request: FastifyRequest): Promise<object> {
    return { people: await this.people.list(actorOf(request)) };
  }

  /** Without a password, one is generated and returned only in this response. */
  @Post()
  @RequireScope("people:write")
  async add(@Req() request: FastifyRequest, @Res(REPLY) reply: FastifyReply, @Body() body: unknown): Promise<object> {
    const { password: given, ...person } = parseRequest(newPerson, body);
    const made = given ?? newSecret();
    const added = await this.people.add(actorOf(request), { ...person, password: made });
    return answerRequest(reply, added, given === undefined ? { password: made } : {}, CREATED);
  }

  @Post(":userName/disable")
  @HttpCode(200)
  @RequireScope("people:write")
  disable(@Req() request: FastifyRequest, @Param("userName") userName: string): Promise<object> {
    return this.people.disable(actorOf(request), canonicalUserName(userName));
  }

  @Post(":userName/enable")
  @RequireScope("people:write")
  async enable(
    @Req() request: FastifyRequest,
    @Res(REPLY) reply: FastifyReply,
    @Param("userName") userName: string,
  ): Promise<object> {
    return answerRequest(reply, await this.people.enable(actorOf(request), canonicalUserName(userName)));
  }

  @Put(":userName/roles")
  @RequireScope("people:write")
  async setRoles(
    @Req() request: FastifyRequest,
    @Res(REPLY) reply: FastifyReply,
    @Param("userName") userName: string,
    @Body() body: unknown,
  ): Promise<object> {
    const { roles: wanted } = parseRequest(newRoles, body);
    return answerRequest(reply, await this.people.setRoles(actorOf(request), canonicalUserName(userName), wanted));
  }

  @Post(":userName/sign-out")
  @HttpCode(200)
  @RequireScope("people:write")
  signOut(@Req() request: FastifyRequest, @Param("userName") userName: string): Promise<object> {
    return this.people.signOut(actorOf(request), canonicalUserName(userName));
  }

  /** Returns a new password. It cannot be retrieved later. */
  @Post(":userName/reset")
  @RequireScope("people:write")
  async reset(
    @Req() request: FastifyRequest,
    @Res(REPLY) reply: FastifyReply,
    @Param("userName") userName: string,
  ): Promise<object> {
    const made = newSecret();
    const reset = await this.people.reset(actorOf(request), canonicalUserName(userName), made);
    return answerRequest(reply, reset, { password: made });
  }
}
