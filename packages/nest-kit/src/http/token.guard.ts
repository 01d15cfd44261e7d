import type { CanActivate, ExecutionContext } from "@nestjs/common";
import { Inject, Injectable, Optional } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { TriplineError } from "@tripline/contracts/error-table";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import type { Caller, TokenVerifier } from "@tripline/tokens/verify-token";
import type { FastifyRequest } from "fastify";
import { TOKEN_VERIFIER } from "./token.module.js";

declare module "fastify" {
  interface FastifyRequest {
    /** The authenticated caller. */
    caller?: Caller | undefined;
  }
}

/** The scope required by a controller or method. Used with `TokenGuard`. */
export const RequireScope = Reflector.createDecorator<string>();

/** Accepts callers with a valid access token and the scope of `RequireScope`, within their rate limits, if any. */
@Injectable()
export class TokenGuard implements CanActivate {
  constructor(
    @Inject(TOKEN_VERIFIER) private readonly verifier: TokenVerifier,
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(RateLimits) @Optional() private readonly limits: RateLimits | undefined,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const scope = this.reflector.getAllAndOverride(RequireScope, [context.getHandler(), context.getClass()]);
    if (scope === undefined)
      throw new TriplineError("internal", "A guarded route does not declare the scope that it requires.");
    const caller = await checkToken(context.switchToHttp().getRequest<FastifyRequest>(), scope, this.verifier);
    this.limits?.spend(caller, 1);
    return true;
  }
}

/** Verifies a request's token and stores its caller. @throws TriplineError like `TokenVerifier.verify` */
export async function checkToken(request: FastifyRequest, scope: string, verifier: TokenVerifier): Promise<Caller> {
  const caller = await verifier.verify(request.headers.authorization, scope);
  request.caller = caller;
  return caller;
}

/** The authenticated caller. @throws TriplineError `internal` if a route has no guard */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === undefined) throw new TriplineError("internal", "A route has no guard.");
  return caller;
}

/** The tenant of `callerOf`. */
export function tenantOf(request: FastifyRequest): string {
  return callerOf(request).tenant;
}
