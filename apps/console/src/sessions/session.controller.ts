import { Controller, Get, HttpCode, Inject, Post, Query, Req, Res, UseGuards } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { parseRequest } from "@tripline/http/parse-request";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { openBytes, sealBytes } from "@tripline/sealing/seal-bytes";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type * as shown from "../contract/session.js";
import type { Attempt } from "./authorization-server.js";
import { AuthorizationServer, attempt } from "./authorization-server.js";
import { Cookies } from "./cookies.js";
import { Person, RequirePermission, SESSION_COOKIE, SessionGuard } from "./session.guard.js";
import type { Session } from "./session-store.js";
import { SessionStore } from "./session-store.js";

/** Maximum duration of a sign-in. */
const ATTEMPT_S_MAX = 900;
const ATTEMPT_CONTEXT = "console sign-in";
const STATE_SHOWN = 12;

/** A path of this site. Browsers would treat `//` and `/\` as the start of another host. */
const signIn = z.strictObject({
  to: z
    .string()
    .max(2_000)
    .regex(/^\/(?![/\\])[\x21-\x7e]*$/, "must be a path that begins with a single slash")
    .default("/"),
});

const PERMISSIONS: ReadonlySet<string> = new Set<shown.Permission>([
  ...(["decisions:read", "cases:read", "cases:write", "labels:write", "lists:read", "lists:write"] as const),
  ...(["policy:read", "policy:write", "policy:approve", "models:read", "models:write", "audit:read"] as const),
  ...(["people:read", "people:write", "personal:read", "operations:read", "operations:write"] as const),
  ...(["webhooks:read", "webhooks:write", "overview:read"] as const),
]);

/** Signing in and out: authorization code with PKCE (RFC 6749, RFC 7636) against auth. */
@OpenTo("anyone")
@Controller()
export class SessionController {
  constructor(
    @Inject(AuthorizationServer) private readonly server: AuthorizationServer,
    @Inject(SessionStore) private readonly store: SessionStore,
    @Inject(Cookies) private readonly cookies: Cookies,
    @Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig,
  ) {}

  @Get("/session/sign-in")
  async signIn(@Query() query: unknown, @Res() reply: FastifyReply): Promise<void> {
    const { attempt: begun, url } = await this.server.begin(parseRequest(signIn, query).to);
    const sealed = sealBytes(Buffer.from(JSON.stringify(begun)), this.config.SESSION_KEY, ATTEMPT_CONTEXT);
    // One cookie per attempt, so that two tabs do not interfere.
    this.cookies.set(reply, attemptCookie(begun.state), sealed.toString("base64url"), ATTEMPT_S_MAX);
    await reply.header("cache-control", "no-store").redirect(url, 302);
  }

  /** On failure, the page shows the error and offers a retry. */
  @Get("/session/callback")
  async callback(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    reply.header("cache-control", "no-store");
    try {
      const begun = this.#attemptOf(request);
      this.cookies.clear(reply, attemptCookie(begun.state));
      const { rights, tokens } = await this.server.finish(new URL(request.url, this.config.CONSOLE_URL).search, begun);
      await this.#endBefore(request);
      // Never reuses a session id from the browser, because an attacker may have planted it.
      const secret = await this.store.create(rights, tokens);
      this.cookies.set(reply, SESSION_COOKIE, secret, this.config.SESSION_HOURS * 3_600);
      await reply.redirect(begun.to, 302);
    } catch (error) {
      await reply.redirect(`/sign-in-failed?code=${asTriplineError(error).code}`, 302);
    }
  }

  @Post("/session/sign-out")
  @HttpCode(200)
  @UseGuards(SessionGuard)
  @RequirePermission("signed-in")
  async signOut(@Person() session: Session, @Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    await this.store.end(session);
    this.cookies.clear(reply, SESSION_COOKIE);
    return { url: this.server.signOutUrl(session.tokens) };
  }

  @Get("/api/session")
  @UseGuards(SessionGuard)
  @RequirePermission("signed-in")
  session(@Person() session: Session): shown.Session {
    return {
      person: { id: session.personId, name: session.personName },
      tenant: session.tenant,
      roles: session.roles,
      permissions: session.scopes.filter((scope): scope is shown.Permission => PERMISSIONS.has(scope)),
      secondFactorUrl: `${this.config.AUTH_ISSUER.replace(/\/$/, "")}/account/second-factor`,
      csrfToken: session.csrfToken,
      expiresAtMs: session.expiresAtMs,
    };
  }

  #attemptOf(request: FastifyRequest): Attempt {
    const state = new URL(request.url, this.config.CONSOLE_URL).searchParams.get("state") ?? "";
    const sealed = Buffer.from(this.cookies.read(request, attemptCookie(state)) ?? "", "base64url");
    const opened = openBytes(sealed, this.config.SESSION_KEY, ATTEMPT_CONTEXT);
    if (opened === undefined) {
      throw new TriplineError("sign-in-failed", "This sign-in was started in another browser, or it has expired.");
    }
    return attempt.parse(JSON.parse(opened.toString()));
  }

  async #endBefore(request: FastifyRequest): Promise<void> {
    const before = await this.store.find(this.cookies.read(request, SESSION_COOKIE) ?? "");
    if (before !== undefined) await this.store.end(before);
  }
}

function attemptCookie(state: string): string {
  return `console-sign-in-${state.replace(/[^A-Za-z0-9_-]/g, "").slice(0, STATE_SHOWN)}`;
}
