import type { DynamicModule } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { TokenConfig } from "@tripline/service-kit/config/read-config";
import type { TokenVerifier } from "@tripline/service-kit/tokens/verify-token";
import { tokenVerifier } from "@tripline/service-kit/tokens/verify-token";
import { Readiness } from "../readiness.js";

/** A `TokenVerifier`. */
export const TOKEN_VERIFIER = Symbol("TOKEN_VERIFIER");

/** Checks access tokens. The service is not ready before it has the keys that they are signed with. */
@Module({})
export class TokenModule {
  constructor(@Inject(TOKEN_VERIFIER) verifier: TokenVerifier, @Inject(Readiness) readiness: Readiness) {
    readiness.add("keys", () => verifier.ready());
  }

  static forRoot(config: TokenConfig): DynamicModule {
    const verifier = tokenVerifier({
      issuer: config.AUTH_ISSUER,
      jwksUrl: config.AUTH_JWKS_URL,
      audience: config.AUTH_AUDIENCE,
    });
    return {
      module: TokenModule,
      providers: [{ provide: TOKEN_VERIFIER, useValue: verifier }],
      exports: [TOKEN_VERIFIER],
    };
  }
}
