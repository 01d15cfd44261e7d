import { Body, Controller, HttpCode, Inject, Param, Put, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { parseRequest } from "@tripline/http/parse-request";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { OperatorOnly } from "@tripline/nest-kit/http/open-to";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { operatorOf } from "../rollouts/operator-of.js";
import { MODEL_REGISTRY } from "../rollouts/rollouts.js";
import { versionComparison } from "./version-requests.js";
import { VersionStore } from "./version-store.js";

/** What is known about a model's versions besides their manifests. Only the operator's clients may change it. */
@Controller("/v1/models/:model/versions/:version")
@OperatorOnly(true)
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ModelVersionsController {
  constructor(
    @Inject(VersionStore) private readonly versions: VersionStore,
    @Inject(MODEL_REGISTRY) private readonly registry: Pick<RecordingRegistry, "resolve">,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  @Put("comparison")
  @HttpCode(204)
  @RequireScope("models:write")
  async compare(
    @Req() request: FastifyRequest,
    @Param("model") model: string,
    @Param("version") asked: string,
    @Body() body: unknown,
  ): Promise<void> {
    const operator = operatorOf(request, this.config);
    const comparison = parseRequest(versionComparison, body);
    const { version } = await this.registry.resolve(model, asked);
    await this.versions.compare({ model, version }, comparison, operator);
  }
}
