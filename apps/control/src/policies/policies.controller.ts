import {
  Body,
  Controller,
  Delete,
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
import { callerOf, RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ApprovalSettings } from "../approvals/approval-settings.js";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import type { Managed } from "../requests/managed-tenant.js";
import { managedBy } from "../requests/managed-tenant.js";
import { page } from "../requests/request-schemas.js";
import { ActivationStore } from "./activation-store.js";
import { DraftStore } from "./draft-store.js";
import { PolicyChecks } from "./policy-checks.js";
import { PolicyPublisher } from "./policy-publisher.js";
import {
  approvedRevision,
  draftBody,
  draftName,
  newActivation,
  newApproval,
  newRevision,
  policyText,
  revisionNumber,
  settings,
} from "./policy-requests.js";
import { PolicyStore } from "./policy-store.js";
import { SwitchedOffRules } from "./switched-off-rules.js";

/** Policies: drafts, revisions, approvals and activations. The parameter `tenant` selects the tenant. */
@Controller("/v1/policy")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class PoliciesController {
  constructor(
    @Inject(PolicyStore) private readonly policies: PolicyStore,
    @Inject(PolicyChecks) private readonly checks: PolicyChecks,
    @Inject(ActivationStore) private readonly history: ActivationStore,
    @Inject(ApprovalSettings) private readonly approvalSettings: ApprovalSettings,
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(PolicyPublisher) private readonly publisher: PolicyPublisher,
    @Inject(SwitchedOffRules) private readonly rules: SwitchedOffRules,
    @Inject(CONTROL_CONFIG) private readonly config: ControlConfig,
  ) {}

  @Get()
  @RequireScope("policy:read")
  async status(@Req() request: FastifyRequest): Promise<object> {
    const { tenant } = this.#by(request);
    const status = await this.policies.status(tenant);
    const revision = status.in_force?.revision ?? null;
    return { ...status, switched_off_rules: revision === null ? [] : await this.rules.ofRevision(tenant, revision) };
  }

  @Post("check")
  @HttpCode(200)
  @RequireScope("policy:read")
  async check(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const { text } = parseRequest(policyText, body);
    const { version, specVersion, warnings } = await this.checks.check(callerOf(request), text);
    return { version, feature_spec_version: specVersion, warnings };
  }

  @Get("revisions")
  @RequireScope("policy:read")
  async revisions(@Req() request: FastifyRequest): Promise<object> {
    const { tenant } = this.#by(request);
    return { revisions: await this.policies.revisions(tenant, parseRequest(page, request.query)) };
  }

  @Get("revisions/:revision")
  @RequireScope("policy:read")
  revision(@Req() request: FastifyRequest, @Param("revision") text: string): Promise<object> {
    return this.policies.revision(this.#by(request).tenant, parseRequest(revisionNumber, text));
  }

  @Post("revisions")
  @RequireScope("policy:write")
  async addRevision(
    @Req() request: FastifyRequest,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const by = this.#by(request);
    const { note, ...source } = parseRequest(newRevision, body);
    const text = "text" in source ? source.text : (await this.drafts.read(by.tenant, source.draft)).text;
    const { version } = await this.checks.check(callerOf(request), text);
    const { isNew, ...revision } = await this.policies.addRevision(by, { text, version, note });
    if (!isNew) reply.status(200);
    return revision;
  }

  @Post("revisions/:revision/approvals")
  @HttpCode(204)
  @RequireScope("policy:approve")
  async approve(@Req() request: FastifyRequest, @Param("revision") text: string, @Body() body: unknown): Promise<void> {
    const { note, unwatched } = parseRequest(newApproval, body ?? {});
    await this.policies.approve(this.#by(request), parseRequest(approvedRevision, text), unwatched, note);
  }

  /** Responds with 202 if the change waits for another user. */
  @Put("settings")
  @RequireScope("policy:approve")
  async changeSettings(
    @Req() request: FastifyRequest,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const waiting = await this.approvalSettings.change(this.#by(request), parseRequest(settings, body));
    reply.status(waiting.length === 0 ? 204 : 202);
    return waiting.length === 0 ? undefined : { waiting };
  }

  @Get("activations")
  @RequireScope("policy:read")
  async activations(@Req() request: FastifyRequest): Promise<object> {
    const { tenant } = this.#by(request);
    return { activations: await this.history.activations(tenant, parseRequest(page, request.query)) };
  }

  /** Responds with 202 if Kafka is unavailable. The activation is published once Kafka is available. */
  @Post("activations")
  @RequireScope("policy:write")
  async activate(
    @Req() request: FastifyRequest,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { at, watched: isWatched, ...wanted } = parseRequest(newActivation, body);
    const by = this.#by(request);
    if (wanted.revision !== null) {
      const { text } = await this.policies.revision(by.tenant, wanted.revision);
      await this.checks.refuseUnread(by.tenant, text);
    }
    const made = await this.history.activate(by, { ...wanted, at, isWatched });
    const isPublished = await this.publisher.publish();
    if (!isPublished) reply.status(202);
    return { ...made, published_at: undefined, is_published: isPublished };
  }

  @Get("drafts")
  @RequireScope("policy:read")
  async listDrafts(@Req() request: FastifyRequest): Promise<object> {
    return { drafts: await this.drafts.list(this.#by(request).tenant) };
  }

  @Get("drafts/:name")
  @RequireScope("policy:read")
  async readDraft(@Req() request: FastifyRequest, @Param("name") name: string): Promise<object> {
    const draft = await this.drafts.read(this.#by(request).tenant, parseRequest(draftName, name));
    return { ...draft, faults: await this.checks.faultsOf(callerOf(request), draft.text) };
  }

  @Put("drafts/:name")
  @RequireScope("policy:write")
  async saveDraft(@Req() request: FastifyRequest, @Param("name") name: string, @Body() body: unknown): Promise<object> {
    const { text, version } = parseRequest(draftBody, body);
    const saved = await this.drafts.save(this.#by(request), parseRequest(draftName, name), text, version);
    return { ...saved, faults: await this.checks.faultsOf(callerOf(request), text) };
  }

  @Delete("drafts/:name")
  @HttpCode(204)
  @RequireScope("policy:write")
  async removeDraft(@Req() request: FastifyRequest, @Param("name") name: string): Promise<void> {
    await this.drafts.remove(this.#by(request), parseRequest(draftName, name));
  }

  #by(request: FastifyRequest): Managed {
    return managedBy(request, this.config.OPERATOR_TENANT);
  }
}
