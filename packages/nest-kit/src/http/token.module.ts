import type { DynamicModule } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { TokenConfig } from "@tripline/settings/read-config";
import type { TokenVerifier } from "@tripline/tokens/verify-token";
import { tokenVerifier } from "@tripline/tokens/verify-token";
import { TableFollowerContext } from "../kafka/table-follower.js";
import { Readiness } from "../readiness.js";
import { RevocationFollower } from "./revocation-follower.js";

/** A `TokenVerifier`. */
export const TOKEN_VERIFIER = Symbol("TOKEN_VERIFIER");

/** Verifies access tokens. The service becomes ready once it has received the signing keys and the revocations. */
@Module({})
export class TokenModule {
  constructor(@Inject(TOKEN_VERIFIER) verifier: TokenVerifier, @Inject(Readiness) readiness: Readiness) {
    readiness.add("keys", () => verifier.ready());
  }

  /**
   * @param service prefix of the consumer group that follows revocations
   * @param kafka the service's `KafkaModule`; must be the same object that the service itself imports
   */
  static forRoot(config: TokenConfig, service: string, kafka: DynamicModule): DynamicModule {
    return {
      module: TokenModule,
      imports: [kafka],
      providers: [
        {
          provide: RevocationFollower,
          inject: [TableFollowerContext],
          useFactory: (context: TableFollowerContext) => new RevocationFollower(service, context),
        },
        {
          provide: TOKEN_VERIFIER,
          inject: [RevocationFollower],
          useFactory: ({ revocations }: RevocationFollower) =>
            tokenVerifier({
              issuer: config.AUTH_ISSUER,
              jwksUrl: config.AUTH_JWKS_URL,
              audience: config.AUTH_AUDIENCE,
              revocations,
            }),
        },
      ],
      exports: [TOKEN_VERIFIER],
    };
  }
}
