import { Controller, Get, Inject, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import type { AuditEntry } from "@tripline/contracts/audit/audit-entry";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { managedBy } from "../requests/managed-tenant.js";
import { AuditLog } from "./audit-log.js";
import { logPage, search } from "./audit-requests.js";

/** The audit log and its signatures. */
@Controller("/v1/audit")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
@RequireScope("audit:read")
export class AuditController {
  constructor(
    @Inject(AuditLog) private readonly log: AuditLog,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  /** For users: newest first. */
  @Get()
  async read(@Req() request: FastifyRequest): Promise<object> {
    const entries = await this.log.newest(this.#tenantOf(request), parseRequest(search, request.query));
    return { entries: entries.map(present) };
  }

  /** For verification: oldest first, in the order of hashing. */
  @Get("log")
  async readLog(@Req() request: FastifyRequest): Promise<object> {
    const { after, limit } = parseRequest(logPage, request.query);
    const tenant = this.#tenantOf(request);
    // Read before the entries, because more may be added in between.
    const head = await this.log.head(tenant);
    return {
      tenant,
      head: { sequence: head?.sequence ?? 0, hash: head?.hash ?? null },
      entries: await this.log.after(tenant, after, limit),
    };
  }

  @Get("checkpoints")
  async readCheckpoints(@Req() request: FastifyRequest): Promise<object> {
    const { after, limit } = parseRequest(logPage, request.query);
    const checkpoints = await this.log.checkpoints(this.#tenantOf(request), after, limit);
    return { checkpoints, keys: await this.log.keys() };
  }

  #tenantOf(request: FastifyRequest): string {
    return managedBy(request, this.config.OPERATOR_TENANT).tenant;
  }
}

function present(entry: AuditEntry): object {
  return {
    sequence: entry.sequence,
    id: entry.eventId,
    at: new Date(entry.atMs),
    tenant: entry.tenant,
    actor: entry.actor,
    actor_kind: entry.actorKind,
    action: entry.action,
    subject_kind: entry.subjectKind,
    subject_id: entry.subjectId,
    details: JSON.parse(entry.details),
    source: entry.source,
    hash: entry.hash,
  };
}
