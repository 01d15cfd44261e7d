import { Body, Controller, Header, HttpCode, Inject, Post, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { asTriplineError, ERROR_TABLE } from "@tripline/contracts/error-table";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard, tenantOf } from "@tripline/nest-kit/http/token.guard";
import { TOKEN_VERIFIER } from "@tripline/nest-kit/http/token.module";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { TokenVerifier } from "@tripline/tokens/verify-token";
import type { FastifyRequest } from "fastify";
import { decodeJwt } from "jose";
import { z } from "zod";

/** An access token has about 700 characters. */
const TOKEN_CHARACTERS_MAX = 8_192;
export const introspectionRequest = z.object({
  token: z.string().min(1).max(TOKEN_CHARACTERS_MAX),
  token_type_hint: z.string().optional(),
});

/** The claims of a token that callers may see. */
const SHOWN = ["iss", "aud", "sub", "client_id", "scope", "tenant", "owner", "exp", "iat", "jti"];

const INACTIVE = { active: false };

/**
 * Token introspection (RFC 7662), for services that cannot check a token themselves. The library only supports opaque
 * tokens here, and ours are JWTs. Callers need a scope and see only tokens of their own tenant.
 */
@Controller("/oauth/introspect")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class IntrospectionController {
  constructor(@Inject(TOKEN_VERIFIER) private readonly verifier: TokenVerifier) {}

  @Post()
  @HttpCode(200)
  @Header("cache-control", "no-store")
  @RequireScope("tokens:introspect")
  async introspect(@Req() asked: FastifyRequest, @Body() body: unknown): Promise<object> {
    const { token } = parseRequest(introspectionRequest, body);
    try {
      const { tenant } = await this.verifier.identify(`Bearer ${token}`);
      if (tenant !== tenantOf(asked)) return INACTIVE;
    } catch (thrown) {
      // The reason why a token is invalid is not disclosed (RFC 7662 section 2.2).
      if (ERROR_TABLE[asTriplineError(thrown).code].httpStatus === 401) return INACTIVE;
      throw thrown;
    }
    const claims = Object.entries(decodeJwt(token)).filter(([name]) => SHOWN.includes(name));
    return { active: true, token_type: "Bearer", ...Object.fromEntries(claims) };
  }
}
