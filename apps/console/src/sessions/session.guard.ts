import type { CanActivate, ExecutionContext } from "@nestjs/common";
import { createParamDecorator, Inject, Injectable } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Permission } from "../contract/session.js";
import type { ShowToken } from "../requests/mask-token.js";
import { showTokens } from "../requests/mask-token.js";
import { Cookies } from "./cookies.js";
import type { Session } from "./session-store.js";
import { checkCsrf, Sessions } from "./sessions.js";

declare module "fastify" {
  interface FastifyRequest {
    session?: Session | undefined;
  }
}

export const SESSION_COOKIE = "console";

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Permission required for a route; `signed-in` for a user's own data. Use with `SessionGuard`. */
export const RequirePermission = Reflector.createDecorator<Permission | "signed-in">();

/** Accepts signed-in users with the permission. Changes also need the CSRF token. */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(Cookies) private readonly cookies: Cookies,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const permission = this.reflector.getAllAndOverride(RequirePermission, [context.getHandler(), context.getClass()]);
    if (permission === undefined) throw new TriplineError("internal", "A guarded route has no required permission.");
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // Responses must not be cached.
    context.switchToHttp().getResponse<FastifyReply>().header("cache-control", "no-store");
    const session = await this.sessions.require(this.cookies.read(request, SESSION_COOKIE));
    if (!SAFE_METHODS.has(request.method)) checkCsrf(session, request.headers["x-csrf-token"]);
    if (permission !== "signed-in") requirePermission(session, permission);
    request.session = session;
    return true;
  }
}

/** @throws TriplineError `scope-missing` */
export function requirePermission(session: Session, permission: Permission): void {
  if (!may(session, permission)) {
    throw new TriplineError("scope-missing", `Your roles do not include the permission ${permission}.`);
  }
}

export function may({ scopes }: Session, permission: Permission): boolean {
  return scopes.includes(permission);
}

/** Masks tokens unless the user may see them. */
export function showFor(session: Session): ShowToken {
  return showTokens(may(session, "personal:read"));
}

/** The session as a parameter of a controller method. */
export const Person = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  const { session } = context.switchToHttp().getRequest<FastifyRequest>();
  if (session === undefined) throw new TriplineError("internal", "A route has no guard.");
  return session;
});
