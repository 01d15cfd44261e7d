import { Body, Controller, Get, HttpCode, Inject, Param, Post, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Finding } from "@tripline/decision-engine/rollouts/finding";
import { parseRequest } from "@tripline/http/parse-request";
import { OperatorOnly } from "@tripline/nest-kit/http/open-to";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { operatorOf } from "../requests/managed-tenant.js";
import { RolloutGuard } from "./rollout-guard.js";
import { percentOf, startRequest, stepRequest } from "./rollout-plan.js";
import type { RolloutState } from "./rollout-state.js";
import { GUARD, STEP_NAMES } from "./rollout-state.js";
import type { RecordedStep } from "./rollout-store.js";
import { Rollouts } from "./rollouts.js";

const stepName = z.enum(STEP_NAMES);

/** A model scores the payments of all tenants, so only the operator's clients may roll one out. */
@Controller("/v1/rollouts")
@OperatorOnly(true)
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class RolloutsController {
  constructor(
    @Inject(Rollouts) private readonly rollouts: Rollouts,
    @Inject(RolloutGuard) private readonly guard: RolloutGuard,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  @Get()
  @RequireScope("models:read")
  async list(@Req() request: FastifyRequest) {
    this.#operatorOf(request);
    return { rollouts: (await this.rollouts.list()).map(presentRollout) };
  }

  @Get(":model")
  @RequireScope("models:read")
  async read(@Req() request: FastifyRequest, @Param("model") model: string) {
    this.#operatorOf(request);
    return this.#whole(model);
  }

  @Post()
  @RequireScope("models:write")
  async start(@Req() request: FastifyRequest, @Body() body: unknown) {
    const operator = this.#operatorOf(request);
    const state = await this.rollouts.start(parseRequest(startRequest, body), operator);
    return this.#whole(state.modelName);
  }

  @Post(STEP_NAMES.map((step) => `:model/${step}`))
  @HttpCode(200)
  @RequireScope("models:write")
  async step(@Req() request: FastifyRequest, @Param("model") model: string, @Body() body: unknown) {
    const step = stepName.parse(request.routeOptions.url?.split("/").at(-1));
    await this.rollouts.step(model, step, parseRequest(stepRequest, body ?? {}), this.#operatorOf(request));
    return this.#whole(model);
  }

  async #whole(model: string) {
    const { state, steps } = await this.rollouts.newest(model);
    return {
      ...presentRollout(state),
      findings: this.guard.findingsOf(state.rolloutId).map(presentFinding),
      steps: steps.map(presentStep),
    };
  }

  #operatorOf(request: FastifyRequest) {
    const { actor: subject, actorKind: kind = "client" } = operatorOf(request, this.config.OPERATOR_TENANT);
    if (subject === GUARD) throw new TriplineError("tenant-foreign", `A client must not be named ${GUARD}.`);
    return { subject, kind };
  }
}

function presentRollout(state: RolloutState) {
  return {
    id: state.rolloutId,
    model: state.modelName,
    stage: state.stage,
    candidate: state.candidateVersion,
    champion: state.championVersion,
    canary_percent: percentOf(state.canaryBasisPoints),
    shadow_percent: percentOf(state.shadowBasisPoints),
    is_held: state.isHeld,
    is_registry_pending: state.isRegistryPending,
    revision: state.revision,
    started_at: new Date(state.startedAtMs).toISOString(),
    changed_at: new Date(state.changedAtMs).toISOString(),
    changed_by: state.changedBy,
    why: state.why,
    plan: state.plan,
    offline: state.offline ?? null,
  };
}

function presentFinding({ guard, isJudged, isBreached, text, figure, data = [] }: Finding) {
  return { guard, is_judged: isJudged, is_breached: isBreached, text, figure: figure ?? null, data };
}

function presentStep({ atMs, ...step }: RecordedStep) {
  return { ...step, at: new Date(atMs).toISOString() };
}
