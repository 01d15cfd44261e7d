import {
  Body,
  Controller,
  Delete,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Req,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { OperatorOnly } from "@tripline/nest-kit/http/open-to";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { operatorOf } from "../requests/managed-tenant.js";
import { CHAMPION_ALIAS, MODEL_REGISTRY } from "../rollouts/rollouts.js";
import { LimitStore } from "./limit-store.js";
import { limitsRequest, limitsSignature } from "./promotion-limits.js";

/** Limits within which retrained versions are promoted automatically. `GET /v1/models` returns the current limits. */
@Controller("/v1/models/:model/limits")
@OperatorOnly(true)
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ModelLimitsController {
  constructor(
    @Inject(LimitStore) private readonly limits: LimitStore,
    @Inject(MODEL_REGISTRY) private readonly registry: Pick<RecordingRegistry, "aliasTarget">,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  @Put()
  @HttpCode(204)
  @RequireScope("models:write")
  async set(@Req() request: FastifyRequest, @Param("model") model: string, @Body() body: unknown): Promise<void> {
    const operator = operatorOf(request, this.config.OPERATOR_TENANT);
    const wanted = parseRequest(limitsRequest, body);
    // Fails for an unknown model, and for a model without a champion, which cannot be rolled out yet.
    await this.registry.aliasTarget(model, CHAMPION_ALIAS);
    await this.limits.set(model, wanted, operator);
  }

  @Post("signature")
  @HttpCode(204)
  @RequireScope("models:write")
  async sign(@Req() request: FastifyRequest, @Param("model") model: string, @Body() body: unknown): Promise<void> {
    const operator = operatorOf(request, this.config.OPERATOR_TENANT);
    const { set_at: setAt } = parseRequest(limitsSignature, body ?? {});
    await this.limits.sign(model, setAt, operator);
  }

  @Delete("signature")
  @HttpCode(204)
  @RequireScope("models:write")
  async withdraw(@Req() request: FastifyRequest, @Param("model") model: string): Promise<void> {
    await this.limits.withdraw(model, operatorOf(request, this.config.OPERATOR_TENANT));
  }
}
