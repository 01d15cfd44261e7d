import { Body, Controller, Delete, Get, Inject, Put, Req, Res, UseGuards, UseInterceptors } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyReply, FastifyRequest } from "fastify";
import { actorOf } from "../admin/admin-action.js";
import { answerRequest, REPLY } from "../admin/grants/answer-request.js";
import { Grants } from "../admin/grants/grants.js";
import { FailureLimiter } from "../clients/failure-limiter.js";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { secretRequired } from "./apply-provider-change.js";
import { ProviderDomains } from "./provider-domains.js";
import { newProvider } from "./provider-settings.js";
import type { ListedProvider } from "./provider-store.js";
import { listedProvider, noProvider, ProviderSecrets, providerOf } from "./provider-store.js";
import { UpstreamProvider } from "./upstream-provider.js";

/** Limits changes, because each one sends requests to a provider and to DNS servers. */
const CHANGES = { failuresMax: 30, windowMs: 60_000, keysMax: 10_000 };

/** The identity provider of the caller's tenant. If there is a second administrator, they must approve changes. */
@Controller("/v1/identity-provider")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ProvidersController {
  readonly #secrets: ProviderSecrets;
  readonly #changes = new FailureLimiter(CHANGES);

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Grants) private readonly grants: Grants,
    @Inject(UpstreamProvider) private readonly upstream: UpstreamProvider,
    @Inject(ProviderDomains) private readonly domains: ProviderDomains,
    @Inject(AUTH_CONFIG) config: Pick<AuthConfig, "KEY_ENCRYPTION_KEY">,
  ) {
    this.#secrets = new ProviderSecrets(config.KEY_ENCRYPTION_KEY);
  }

  @Get()
  @RequireScope("people:read")
  async show(@Req() request: FastifyRequest): Promise<ListedProvider> {
    const provider = await providerOf(this.database, actorOf(request).tenant);
    if (provider === undefined) throw noProvider();
    return listedProvider(provider);
  }

  /** Before storing the provider, auth reads the DNS records of the domains and, if the connection is new, its metadata. */
  @Put()
  @RequireScope("people:write")
  async set(@Req() request: FastifyRequest, @Res(REPLY) reply: FastifyReply, @Body() body: unknown): Promise<object> {
    const by = actorOf(request);
    const seconds = this.#changes.retryAfterSeconds(by.tenant);
    if (seconds !== undefined) {
      throw new TriplineError("too-many-requests", `Too many changes. Try again in ${seconds} seconds.`);
    }
    this.#changes.recordFailure(by.tenant);
    const { client_secret: secret, ...settings } = parseRequest(newProvider, body);
    const before = await providerOf(this.database, by.tenant);
    const kept = before?.issuer === settings.issuer ? before.client_secret : undefined;
    const sealed = secret === undefined ? undefined : this.#secrets.seal(by.tenant, secret);
    const current = sealed ?? kept;
    if (current === undefined) throw secretRequired();
    await this.domains.check(by.tenant, settings.domains);
    // An unchanged connection is not checked, so that enforcement can end while the provider is unavailable.
    if (secret !== undefined || before?.issuer !== settings.issuer || before.client_id !== settings.client_id) {
      await this.upstream.check({ ...settings, tenant: by.tenant, client_secret: Uint8Array.from(current) });
    }
    const change = { action: "provider-set" as const, settings, sealed_secret: sealed?.toString("base64") };
    return answerRequest(reply, await this.grants.request(by, change));
  }

  @Delete()
  @RequireScope("people:write")
  async remove(@Req() request: FastifyRequest, @Res(REPLY) reply: FastifyReply): Promise<object> {
    return answerRequest(reply, await this.grants.request(actorOf(request), { action: "provider-remove" }));
  }
}
