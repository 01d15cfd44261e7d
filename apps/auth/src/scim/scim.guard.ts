import type { CanActivate, ExecutionContext } from "@nestjs/common";
import { createParamDecorator, Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { RateLimited } from "@tripline/http/limits/rate-limited";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyReply, FastifyRequest } from "fastify";
import { FailureLimiter } from "../clients/failure-limiter.js";
import { SCIM_TYPE } from "./scim-resource.js";
import { tenantOfToken } from "./token/scim-token-store.js";

declare module "fastify" {
  interface FastifyRequest {
    /** The tenant of the SCIM token. */
    scimTenant?: string | undefined;
  }
}

const MS_PER_S = 1_000;
const WINDOW_S = 60;
/** Maximum number of requests per second for a tenant, averaged over a window. Entra ID sends up to 25. */
const PER_SECOND = 30;
const REQUESTS = { failuresMax: PER_SECOND * WINDOW_S, windowMs: WINDOW_S * MS_PER_S, keysMax: 10_000 };

/**
 * Accepts requests with a tenant's SCIM token, up to the rate limit. Requests with invalid tokens are not limited:
 * tokens cannot be guessed, and a limit per address would also block other tenants' providers behind the same proxy.
 */
@Injectable()
export class ScimGuard implements CanActivate {
  readonly #requests = new FailureLimiter(REQUESTS);

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    http.getResponse<FastifyReply>().headers({ "content-type": SCIM_TYPE, "cache-control": "no-store" });
    const tenant = await tenantOfToken(this.database, request.headers.authorization);
    if (tenant === undefined) throw invalidToken();
    const seconds = this.#requests.retryAfterSeconds(tenant);
    if (seconds !== undefined) {
      throw new RateLimited({ kind: "tenant", perSecond: PER_SECOND, retryAfterMs: seconds * MS_PER_S });
    }
    this.#requests.recordFailure(tenant);
    request.scimTenant = tenant;
    return true;
  }
}

/** The caller of a change. Includes the header, because the token may be replaced before the change is made. */
export interface ScimCaller {
  readonly tenant: string;
  readonly authorization: string | undefined;
}

export const invalidToken = (): TriplineError =>
  new TriplineError("token-invalid", "The SCIM token is missing or invalid. An administrator can replace it.");

/** The tenant of the request as a parameter of a controller method. */
export const ScimTenant = createParamDecorator((_data: unknown, context: ExecutionContext): string =>
  tenantIn(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** The caller of a change as a parameter of a controller method. */
export const CallerOfScim = createParamDecorator((_data: unknown, context: ExecutionContext): ScimCaller => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  return { tenant: tenantIn(request), authorization: request.headers.authorization };
});

function tenantIn({ scimTenant }: FastifyRequest): string {
  if (scimTenant === undefined) throw new TriplineError("internal", "A route has no guard.");
  return scimTenant;
}
