import { Controller, Get, Header, HttpCode, Inject, Post, Req, UseInterceptors } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { TOKEN_VERIFIER } from "@tripline/nest-kit/http/token.module";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { TokenVerifier } from "@tripline/tokens/verify-token";
import { kindOf } from "@tripline/tokens/verify-token";
import type { FastifyRequest } from "fastify";
import { personWithId } from "../people/person-store.js";

/**
 * Returns current data about an access token's user (OpenID Connect Core section 5.3). The library supports only opaque
 * tokens here, but ours are JWTs.
 */
@OpenTo("users who are signed in to auth")
@Controller("/oauth/userinfo")
@UseInterceptors(TraceInterceptor)
export class UserinfoController {
  constructor(
    @Inject(TOKEN_VERIFIER) private readonly verifier: TokenVerifier,
    @Inject(DATABASE) private readonly queries: Queries,
  ) {}

  @Get()
  @Header("cache-control", "no-store")
  show(@Req() request: FastifyRequest): Promise<object> {
    return this.#claims(request);
  }

  /** Clients may use either method. */
  @Post()
  @HttpCode(200)
  @Header("cache-control", "no-store")
  showPosted(@Req() request: FastifyRequest): Promise<object> {
    return this.#claims(request);
  }

  async #claims({ headers }: FastifyRequest): Promise<object> {
    const caller = await this.verifier.identify(headers.authorization);
    const person = kindOf(caller) === "person" ? await personWithId(this.queries, caller.subject) : undefined;
    if (person === undefined) throw new TriplineError("token-invalid", "The access token does not belong to a user.");
    const { person_id: sub, name, user_name, tenant, roles } = person;
    return { sub, name, preferred_username: user_name, tenant, roles };
  }
}
