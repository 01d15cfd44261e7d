import { setTimeout as delay } from "node:timers/promises";
import type { RedisCredentials, RedisSignIn } from "@tripline/cloud-identity/open-tokens";
import type { RedisOptions } from "ioredis";
import { Redis } from "ioredis";

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1_000;
/** Between two tries to show a new password on an open connection. */
const RENEW_RETRY_MS = 5_000;
/** Timers longer than this would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * A connection whose password is a token with an end: each new connection shows a fresh one, and an open one shows the
 * next before the last has ended, as the clouds ask for. Otherwise as ioredis has it: it connects for as long as it is
 * open, and tells of each failure.
 */
export class SignedInRedis extends Redis {
  readonly #signIn: RedisSignIn;
  readonly #closed = new AbortController();
  #connecting: Promise<void> | undefined;
  #renewal: NodeJS.Timeout | undefined;
  /** Of the password that was shown last. */
  #renewAtMs = 0;

  constructor(url: string, options: RedisOptions & { replyMapping?: "legacy" }, signIn: RedisSignIn) {
    // Connecting begins below, because it needs what is not there before.
    super(url, { ...options, lazyConnect: true });
    this.#signIn = signIn;
    this.on("ready", () => this.#renewAt(this.#renewAtMs));
    this.on("close", () => clearTimeout(this.#renewal));
    this.connect().catch(() => {});
  }

  /** Also what ioredis calls to connect again. */
  override connect(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  override disconnect(reconnect = false): void {
    if (!reconnect) {
      this.#closed.abort();
      clearTimeout(this.#renewal);
    }
    super.disconnect(reconnect);
  }

  async #connect(): Promise<void> {
    const credentials = await this.#credentials();
    this.options.username = credentials.user;
    this.options.password = credentials.password;
    this.#renewAtMs = credentials.renewAtMs;
    await super.connect();
  }

  async #credentials(): Promise<RedisCredentials> {
    for (let retryMs = RETRY_MS_MIN; ; retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)) {
      try {
        const credentials = await this.#signIn();
        this.#closed.signal.throwIfAborted();
        return credentials;
      } catch (error) {
        this.#closed.signal.throwIfAborted();
        this.emit("error", error);
        await delay(retryMs, undefined, { signal: this.#closed.signal });
      }
    }
  }

  #renewAt(atMs: number): void {
    clearTimeout(this.#renewal);
    const waitMs = Math.min(Math.max(atMs - Date.now(), 0), TIMER_MS_MAX);
    this.#renewal = setTimeout(() => this.#renew(), waitMs).unref();
  }

  #renew(): void {
    this.#signIn()
      .then(async ({ user, password, renewAtMs }) => {
        if (this.status !== "ready") return;
        // Where the server speaks RESP2 only, a connection that subscribes takes no password: it has to be a new one.
        if (this.mode === "subscriber") return this.disconnect(true);
        await this.auth(user, password);
        this.#renewAt(renewAtMs);
      })
      .catch((error: unknown) => {
        if (this.#closed.signal.aborted || this.status !== "ready") return;
        this.emit("error", error);
        this.#renewAt(Date.now() + RENEW_RETRY_MS);
      });
  }
}
