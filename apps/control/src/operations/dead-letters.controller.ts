import { Body, Controller, Get, HttpCode, Inject, Post, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import { OperatorOnly } from "@tripline/nest-kit/http/open-to";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { operatorOf } from "../requests/managed-tenant.js";
import type { ShownLetter } from "./dead-letters.js";
import { DeadLetters } from "./dead-letters.js";
import { lettersToReturn } from "./operations-requests.js";

/** Only for the operator, because dead letters are from all tenants, and for some the tenant is unknown. */
@Controller("/v1/dead-letters")
@OperatorOnly(true)
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class DeadLettersController {
  constructor(
    @Inject(DeadLetters) private readonly letters: DeadLetters,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  @Get()
  @RequireScope("operations:read")
  async list(@Req() request: FastifyRequest): Promise<object> {
    operatorOf(request, this.config.OPERATOR_TENANT);
    const topics = await this.letters.waiting();
    return {
      topics: topics.map(({ topic, count, canReturn, letters }) => {
        return { topic, count, can_return: canReturn, letters: letters.map(present) };
      }),
    };
  }

  @Post("redrive")
  @HttpCode(200)
  @RequireScope("operations:write")
  async redrive(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const by = operatorOf(request, this.config.OPERATOR_TENANT);
    const { returned, skipped } = await this.letters.return(by, parseRequest(lettersToReturn, body));
    return { returned, skipped };
  }

  /** The former path, until 0.3.0. */
  @Post("return")
  @HttpCode(200)
  @RequireScope("operations:write")
  async return(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    return this.redrive(request, body);
  }
}

function present({ deadLetteredAtMs, reference, topic: _, ...letter }: ShownLetter) {
  const at = new Date(deadLetteredAtMs).toISOString();
  return { ...letter, dead_lettered_at: at, buried_at: at, is_reference: reference !== undefined };
}
