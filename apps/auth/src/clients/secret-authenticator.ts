import { randomBytes } from "node:crypto";
import type { KoaContextWithOIDC } from "oidc-provider";
import type { ClientAuthGuard } from "./client-auth-guard.js";
import { hashSecret } from "./hash-secret.js";
import type { SecretVerifier } from "./secret-verifier.js";

/** Checks the secret of a request, within the client's limit of failures. */
export class SecretAuthenticator {
  /** The hash of a secret that nobody has. */
  readonly #nobodysHash = hashSecret(randomBytes(32).toString("base64"));

  constructor(
    private readonly guard: ClientAuthGuard,
    private readonly secrets: SecretVerifier,
  ) {}

  /**
   * @param stored the hash of the client's secret
   * @throws TooManyFailures, or TriplineError `queue-full`
   */
  async verify(ctx: KoaContextWithOIDC, secret: string, stored: string): Promise<boolean> {
    let isComputed = false;
    let isWrong = false;
    const begin = (): void => {
      this.guard.beginSecret(ctx);
      isComputed = true;
    };
    try {
      const isRight = await this.secrets.verify(secret, stored, begin);
      isWrong = !isRight;
      return isRight;
    } finally {
      if (isComputed) this.guard.endSecret(ctx, isWrong);
    }
  }

  /**
   * Does the same work for an unknown client, or one without a secret, as for a wrong secret. Otherwise, response times
   * would reveal which IDs exist.
   *
   * @throws the same errors as `verify`
   */
  async pretend(ctx: KoaContextWithOIDC): Promise<void> {
    const { authorization } = ctx.headers;
    // Without this header, no hash is computed for an existing client either.
    if (authorization !== undefined) await this.verify(ctx, authorization, await this.#nobodysHash);
  }
}
