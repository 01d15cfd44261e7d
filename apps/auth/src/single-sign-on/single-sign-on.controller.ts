import { Body, Controller, Get, Inject, Param, Post, Query, Req, Res, UseInterceptors } from "@nestjs/common";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { asTriplineError, ERROR_TABLE, TriplineError } from "@tripline/contracts/error-table";
import { TrustedProxies } from "@tripline/http/client-address";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { counter } from "@tripline/telemetry/metrics";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Interaction } from "oidc-provider";
import { z } from "zod";
import { TENANT_PATTERN } from "../clients/client-registration.js";
import { FailureLimiter } from "../clients/failure-limiter.js";
import { personWithId } from "../people/person-store.js";
import { FormGuard, readForm, sendPage, tooManyAttempts } from "../sign-in/forms.js";
import { EXPIRED, Interactions, isHeldByAnother } from "../sign-in/interactions.js";
import { continuePage, messagePage } from "../sign-in/sign-in-pages.js";
import { hasProvisionedGroups } from "./link-provisioned.js";
import { findOrAddUser, readClaims, requireUnchanged } from "./provider-people.js";
import type { IdentityProvider } from "./provider-store.js";
import { providerOf, providerOfDomain } from "./provider-store.js";
import type { Freshness, UpstreamAttempt, UpstreamUser } from "./upstream-provider.js";
import { UpstreamProvider, upstreamAttempt } from "./upstream-provider.js";

const TITLE = "Single sign-on";
/**
 * Limits attempts per address and tenant, because each attempt sends requests to the tenant's provider and callers must
 * not make auth flood it. Behind a proxy that is not in `TRUSTED_PROXIES`, all users share an address.
 */
const ATTEMPTS = { failuresMax: 60, windowMs: 60_000, keysMax: 10_000 };
/** Maximum time between the redirect to the provider and the return. */
const ATTEMPT_MS_MAX = 600_000;
const UID_PATTERN = /^[\w-]{1,64}$/;
const AMR_MAX = 10;

const kept = z.object({ upstream: upstreamAttempt });
const maxAgeParameter = z.union([z.number(), z.string().transform(Number)]).pipe(z.number().int().nonnegative());
const methods = z.array(z.string().min(1).max(32)).max(AMR_MAX);

/** Users sign in with their tenant's OpenID Connect provider. */
@OpenTo("anyone")
@Controller()
@UseInterceptors(TraceInterceptor)
export class SingleSignOnController {
  readonly #attempts = new FailureLimiter(ATTEMPTS);
  readonly #outcomes = counter("tripline_auth_provider_sign_ins_total", {
    description: "Sign-ins with tenants' identity providers",
    labels: ["outcome"],
  });

  constructor(
    @Inject(Interactions) private readonly interactions: Interactions,
    @Inject(UpstreamProvider) private readonly upstream: UpstreamProvider,
    @Inject(FormGuard) private readonly guard: FormGuard,
    @Inject(TrustedProxies) private readonly proxies: TrustedProxies,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Sends the browser to the organisation's provider. */
  @Post("sign-in/:uid/single-sign-on")
  async begin(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const interaction = await this.interactions.find(request, reply);
    if (interaction === undefined) return;
    const form = readForm(body);
    if (!this.guard.isOwn(request, form.csrf, interaction.uid)) {
      return sendPage(reply, 403, messagePage(TITLE, EXPIRED));
    }
    await this.#answer(reply, async (note) => {
      const provider = await this.#providerFor(form.organisation.trim());
      note(provider.tenant);
      const key = `${provider.tenant} ${this.proxies.addressOf(request.raw)}`;
      const seconds = this.#attempts.retryAfterSeconds(key);
      if (seconds !== undefined) return sendPage(reply, 429, messagePage(TITLE, tooManyAttempts(reply, { seconds })));
      this.#attempts.recordFailure(key);
      const { attempt, url } = await this.upstream.begin(provider, interaction.uid, freshnessOf(interaction));
      await this.interactions.keep(request, reply, { upstream: attempt });
      sendPage(reply, 200, continuePage(TITLE, url));
    });
  }

  /** The only URL that providers know. Redirects to the path of the sign-in, because its cookie is sent only there. */
  @Get("single-sign-on/:tenant/callback")
  callback(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param("tenant") tenant: string,
    @Query("state") state: unknown,
  ): void {
    const uid = typeof state === "string" ? state.split(".")[0] : undefined;
    if (uid === undefined || !UID_PATTERN.test(uid) || !TENANT_PATTERN.test(tenant)) {
      sendPage(reply, 400, messagePage(TITLE, EXPIRED));
      return;
    }
    const { search } = new URL(request.url, "http://localhost");
    void reply.redirect(`/sign-in/${uid}/single-sign-on/${tenant}${search}`, 303);
  }

  /** The browser returns from the provider. */
  @Get("sign-in/:uid/single-sign-on/:tenant")
  async finish(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param("uid") uid: string,
    @Param("tenant") tenant: string,
    @Query("state") state: unknown,
  ): Promise<void> {
    const interaction = await this.interactions.find(request, reply);
    if (interaction === undefined) return;
    const attempt = attemptIn(interaction);
    const isOwn = interaction.uid === uid && attempt?.tenant === tenant && attempt.state === state;
    if (attempt === undefined || !isOwn) {
      this.#outcomes.inc({ outcome: "expired" });
      return sendPage(reply, 400, messagePage(TITLE, EXPIRED));
    }
    await this.#answer(reply, async (note) => {
      note(attempt.tenant);
      const provider = await providerOf(this.database, attempt.tenant);
      if (provider === undefined) throw notSetUp(attempt.tenant);
      const { search } = new URL(request.url, "http://localhost");
      // An attempt can be used only once, even if a later step fails.
      const consume = () => this.interactions.keep(request, reply, {});
      const user = await this.upstream.finish(provider, attempt, search, consume);
      await this.#signIn(request, reply, interaction, provider, user);
    });
  }

  async #signIn(
    request: FastifyRequest,
    reply: FastifyReply,
    interaction: Interaction,
    provider: IdentityProvider,
    { claims }: UpstreamUser,
  ): Promise<void> {
    const user = readClaims(provider, claims, await hasProvisionedGroups(this.database, provider.tenant));
    const id = await this.database.transaction((transaction) => findOrAddUser(transaction, provider, user));
    const person = await personWithId(this.database, id);
    if (person === undefined) throw new TriplineError("sign-in-failed", "Your account was disabled. Start again.");
    if (isHeldByAnother(interaction, person)) {
      throw new TriplineError("sign-in-failed", "Another user is signed in here. Sign out first.");
    }
    const amr = methods.safeParse(claims.amr);
    const used = amr.success && amr.data.length > 0 ? amr.data : ["sso"];
    await this.interactions.finish(request, reply, person, used, () => this.#confirm(interaction, provider));
    this.#outcomes.inc({ outcome: "signed-in" });
  }

  /** Checks the settings again, because a change after `findOrAddUser` ends only sign-ins that are already stored. */
  async #confirm(interaction: Interaction, provider: IdentityProvider): Promise<void> {
    try {
      await this.database.transaction((transaction) => requireUnchanged(transaction, provider));
    } catch (error) {
      await interaction.destroy();
      throw error;
    }
  }

  /** @param organisation a tenant, or an e-mail address @throws TriplineError `sign-in-failed` */
  async #providerFor(organisation: string): Promise<IdentityProvider> {
    const domain = organisation.includes("@") ? organisation.split("@").at(-1) : undefined;
    const found =
      domain !== undefined
        ? await providerOfDomain(this.database, domain.toLowerCase())
        : TENANT_PATTERN.test(organisation) && (await providerOf(this.database, organisation));
    if (found === undefined || found === false) throw notSetUp(domain ?? organisation);
    return found;
  }

  /**
   * Shows an error as one sentence on a page. Its text is not logged, because it contains the user's input. The log
   * contains the codes of its causes instead.
   */
  async #answer(reply: FastifyReply, answer: (noteTenant: (tenant: string) => void) => Promise<void>): Promise<void> {
    let tenant: string | undefined;
    try {
      await answer((known) => {
        tenant = known;
      });
    } catch (error) {
      const known = asTriplineError(error);
      const { code, message } = known;
      if (!SHOWN.has(code)) throw error;
      this.#outcomes.inc({ outcome: code });
      this.logger.info({ code, tenant, causes: causesOf(known) }, "single sign-on failed");
      sendPage(reply, ERROR_TABLE[code].httpStatus, messagePage(TITLE, message));
    }
  }
}

/** Errors whose text is meant for the user. */
const SHOWN: ReadonlySet<ErrorCode> = new Set([
  ...(["sign-in-failed", "provider-unavailable", "provider-url-refused", "queue-full"] as const),
]);

function freshnessOf({ params: { prompt, max_age } }: Interaction): Freshness {
  const isAgain = typeof prompt === "string" && prompt.split(" ").includes("login");
  const maxAge = maxAgeParameter.safeParse(max_age);
  return maxAge.success ? { isAgain, maxAgeSeconds: maxAge.data } : { isAgain };
}

const CAUSES_MAX = 4;

/** The codes of the underlying errors, for example `OAUTH_RESPONSE_IS_NOT_CONFORM` or `TypeError`, `ECONNREFUSED`. */
function causesOf(error: Error): readonly string[] {
  const codes: string[] = [];
  for (let { cause } = error; cause instanceof Error && codes.length < CAUSES_MAX; cause = cause.cause) {
    codes.push("code" in cause && typeof cause.code === "string" ? cause.code : cause.name);
  }
  return codes;
}

function attemptIn({ result }: Interaction): UpstreamAttempt | undefined {
  const read = kept.safeParse(result);
  return read.success && Date.now() - read.data.upstream.atMs < ATTEMPT_MS_MAX ? read.data.upstream : undefined;
}

function notSetUp(name: string): TriplineError {
  return new TriplineError("sign-in-failed", `Single sign-on is not set up for ${name.slice(0, 64)}.`);
}
