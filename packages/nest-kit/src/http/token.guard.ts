import type { CanActivate, ExecutionContext } from "@nestjs/common";
import { createParamDecorator, Inject, Injectable } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Caller, TokenVerifier } from "@tripline/service-kit/tokens/verify-token";
import type { FastifyRequest } from "fastify";
import { TOKEN_VERIFIER } from "./token.module.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Whose token was checked. */
    caller?: Caller | undefined;
  }
}

/** The scope that a caller's token must have, for a controller or one of its methods. Goes with `TokenGuard`. */
export const RequireScope = Reflector.createDecorator<string>();

/** Lets callers through whose access token is valid and has the scope of `RequireScope`. */
@Injectable()
export class TokenGuard implements CanActivate {
  constructor(
    @Inject(TOKEN_VERIFIER) private readonly verifier: TokenVerifier,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const scope = this.reflector.getAllAndOverride(RequireScope, [context.getHandler(), context.getClass()]);
    if (scope === undefined) throw new TriplineError("internal", "A guarded route has no required scope.");
    await checkToken(context.switchToHttp().getRequest<FastifyRequest>(), scope, this.verifier);
    return true;
  }
}

/** Checks the token of a request and notes whose it is. @throws TriplineError as `TokenVerifier.verify` does */
export async function checkToken(request: FastifyRequest, scope: string, verifier: TokenVerifier): Promise<void> {
  request.caller = await verifier.verify(request.headers.authorization, scope);
}

/** The tenant whose token was checked. @throws TriplineError `internal` where a route has no guard */
export function tenantOf({ caller }: FastifyRequest): string {
  if (caller === undefined) throw new TriplineError("internal", "A route has no guard.");
  return caller.tenant;
}

/** `tenantOf` the request, as a parameter of a controller's method. */
export const Tenant = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  tenantOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
