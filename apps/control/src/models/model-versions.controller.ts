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
import { TriplineError } from "@tripline/contracts/error-table";
import { parseRequest } from "@tripline/http/parse-request";
import { versionSchema } from "@tripline/model-registry/model-manifest";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { OperatorOnly } from "@tripline/nest-kit/http/open-to";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import type { Managed } from "../requests/managed-tenant.js";
import { operatorOf } from "../requests/managed-tenant.js";
import { isRetrained } from "../rollouts/offline-comparison.js";
import { MODEL_REGISTRY } from "../rollouts/rollouts.js";
import { presentContract } from "./model-contract.js";
import { cardRequest, signatureRequest, signedVersion, versionComparison } from "./version-requests.js";
import { VersionStore } from "./version-store.js";

/** What is known about a model's versions besides their manifests. Only the operator's clients may change it. */
@Controller("/v1/models/:model/versions/:version")
@OperatorOnly(true)
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ModelVersionsController {
  constructor(
    @Inject(VersionStore) private readonly versions: VersionStore,
    @Inject(MODEL_REGISTRY) private readonly registry: Pick<RecordingRegistry, "resolve" | "aliasTarget">,
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
    const operator = this.#operatorOf(request);
    const comparison = parseRequest(versionComparison, body);
    const { version } = await this.registry.resolve(model, asked);
    await this.versions.compare({ model, version }, comparison, operator);
  }

  @Get("card")
  @RequireScope("models:read")
  async read(@Req() request: FastifyRequest, @Param("model") model: string, @Param("version") asked: string) {
    this.#operatorOf(request);
    const version = versionSchema.safeParse(asked).success ? asked : await this.registry.aliasTarget(model, asked);
    const found = await this.versions.contractOf({ model, version });
    if (found === undefined) throw new TriplineError("not-found", `${model} ${version} has no model card.`);
    return presentContract(model, version, found);
  }

  @Put("card")
  @HttpCode(204)
  @RequireScope("models:write")
  async register(
    @Req() request: FastifyRequest,
    @Param("model") model: string,
    @Param("version") asked: string,
    @Body() body: unknown,
  ): Promise<void> {
    const operator = this.#operatorOf(request);
    const card = parseRequest(cardRequest, body);
    const { version } = await this.registry.resolve(model, asked);
    await this.versions.register({ model, version }, card, operator);
  }

  @Post("signature")
  @HttpCode(204)
  @RequireScope("models:write")
  async sign(
    @Req() request: FastifyRequest,
    @Param("model") model: string,
    @Param("version") asked: string,
    @Body() body: unknown,
  ): Promise<void> {
    const operator = this.#operatorOf(request);
    const { version } = parseRequest(signedVersion, { version: asked });
    const read = parseRequest(signatureRequest, body ?? {});
    const { manifest } = await this.registry.resolve(model, version);
    await this.versions.sign({ model, version }, read, isRetrained(manifest.metrics), operator);
  }

  #operatorOf(request: FastifyRequest): Managed {
    return operatorOf(request, this.config.OPERATOR_TENANT);
  }
}
