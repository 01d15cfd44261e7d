import { Controller, Get, Param, Req, Res, UseGuards, UseInterceptors } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { callerOf, RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { InjectRedis } from "@tripline/nest-kit/redis/redis.module";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { DecisionBody, PendingBody } from "./openapi/response-schemas.js";
import { detailFor } from "./replies/answer-detail.js";
import { presentDecision } from "./replies/present-outcome.js";
import { readDecision } from "./replies/read-decisions.js";
import { decisionId } from "./requests/request-schemas.js";

/** Retry-After for a pending decision. */
const POLL_AFTER_SECONDS = 1;

@Controller("/v1/decisions")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class DecisionLookupController {
  constructor(@InjectRedis() private readonly redis: RedisConnection) {}

  @Get(":id")
  @RequireScope("decisions:read")
  async read(
    @Req() request: FastifyRequest,
    @Param("id") id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DecisionBody | PendingBody> {
    const found = decisionId.safeParse(id).success
      ? await readDecision(this.redis, callerOf(request).tenant, id)
      : undefined;
    if (found === undefined) {
      throw new TriplineError("decision-not-found", "You have not sent a payment with this ID.");
    }
    if (found !== "pending") return presentDecision(found, detailFor(callerOf(request)));
    reply.status(202).header("retry-after", String(POLL_AFTER_SECONDS));
    return { id, status: "pending" };
  }
}
