import type { IncomingMessage, ServerResponse } from "node:http";
import type { OnApplicationShutdown } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/telemetry/logger";
import type { JWTVerifyGetKey } from "jose";
import type { Provider } from "oidc-provider";
import type { SigningKeys } from "./signing-keys.js";
import { KEYS_POLL_MS, publicKeys } from "./signing-keys.js";

export interface OAuthServerOptions {
  readonly keys: SigningKeys;
  /** @throws TriplineError like `loadSigningKeys` */
  loadKeys(): Promise<SigningKeys>;
  createProvider(keys: SigningKeys): Provider;
  readonly logger: Logger;
}

/**
 * The OAuth server with the current keys. The library reads its keys only once, so a key change creates a new provider.
 * Sign-in state is in Postgres, so either provider can continue a sign-in.
 */
export class OAuthServer implements OnApplicationShutdown {
  readonly #options: OAuthServerOptions;
  readonly #timer: NodeJS.Timeout;
  #provider: Provider;
  #answer: ReturnType<Provider["callback"]>;
  #keys: SigningKeys;
  #publicKeys: JWTVerifyGetKey;

  constructor(options: OAuthServerOptions) {
    this.#options = options;
    this.#keys = options.keys;
    this.#publicKeys = publicKeys(options.keys);
    this.#provider = options.createProvider(options.keys);
    this.#answer = this.#provider.callback();
    let isBusy = false;
    this.#timer = setInterval(() => {
      if (isBusy) return;
      isBusy = true;
      void this.#readKeys().finally(() => {
        isBusy = false;
      });
    }, KEYS_POLL_MS);
    this.#timer.unref();
  }

  get provider(): Provider {
    return this.#provider;
  }

  /** Verifies a token that this service issued. */
  readonly keyOf: JWTVerifyGetKey = (header, token) => this.#publicKeys(header, token);

  answer(request: IncomingMessage, response: ServerResponse): void {
    void this.#answer(request, response);
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
  }

  async #readKeys(): Promise<void> {
    const { loadKeys, createProvider, logger } = this.#options;
    try {
      const keys = await loadKeys();
      if (identify(keys) === identify(this.#keys)) return;
      const provider = createProvider(keys);
      this.#answer = provider.callback();
      this.#provider = provider;
      this.#keys = keys;
      this.#publicKeys = publicKeys(keys);
      logger.info({ kid: keys.activeKid, published: keys.keys.length }, "signing keys changed");
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      logger.warn({ code }, `the signing keys cannot be reloaded; the previous ones stay in use: ${message}`);
    }
  }
}

const identify = ({ activeKid, keys }: SigningKeys): string => [activeKid, ...keys.map(({ kid }) => kid)].join(" ");
