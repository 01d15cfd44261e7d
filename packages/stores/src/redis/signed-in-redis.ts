import { setTimeout as delay } from "node:timers/promises";
import type { RedisSignIn } from "@tripline/cloud-identity/open-tokens";
import type { RedisOptions } from "ioredis";
import { Redis } from "ioredis";

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1_000;
/** Delay between attempts to authenticate again on an open connection. */
export const RENEW_RETRY_MS = 5_000;
/** Longer timers would fire immediately. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** A node of a cluster. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * A connection whose password is an expiring token, or whose server changes, or both. Each new connection uses a new token, and an open connection
 * authenticates with the next token before the current one expires, as the clouds require. Otherwise, it behaves like
 * ioredis: it reconnects while it is open, and reports each failure.
 */
export class SignedInRedis extends Redis {
  readonly #signIn: RedisSignIn | undefined;
  readonly #nextAddress: (() => Promise<NodeAddress>) | undefined;
  readonly #closed = new AbortController();
  #connecting: Promise<void> | undefined;
  #renewal: NodeJS.Timeout | undefined;
  /** Renewal time of the current password. */
  #renewAtMs = 0;

  /** @param nextAddress chooses the server of each new connection; default: the one in the URL */
  constructor(
    url: string,
    options: RedisOptions & { replyMapping?: "legacy" },
    signIn: RedisSignIn | undefined,
    nextAddress?: () => Promise<NodeAddress>,
  ) {
    // Does not connect yet, because the fields must be set first.
    super(url, { ...options, lazyConnect: true });
    this.#signIn = signIn;
    this.#nextAddress = nextAddress;
    if (signIn !== undefined) this.on("ready", () => this.#renewAt(this.#renewAtMs));
    this.on("close", () => clearTimeout(this.#renewal));
    this.connect().catch(() => {});
  }

  /** ioredis also calls this to reconnect. */
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
    const credentials = await this.#prepare(this.#signIn);
    if (credentials !== undefined) {
      this.options.username = credentials.user;
      this.options.password = credentials.password;
      this.#renewAtMs = credentials.renewAtMs;
    }
    Object.assign(this.options, await this.#prepare(this.#nextAddress));
    await super.connect();
  }

  /** Repeats a request until it succeeds. */
  async #prepare<T>(request: (() => Promise<T>) | undefined): Promise<T | undefined> {
    if (request === undefined) return undefined;
    for (let retryMs = RETRY_MS_MIN; ; retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)) {
      try {
        const prepared = await request();
        this.#closed.signal.throwIfAborted();
        return prepared;
      } catch (error) {
        this.#closed.signal.throwIfAborted();
        this.emit("error", error);
        await delay(retryMs, undefined, { signal: this.#closed.signal });
      }
    }
  }

  #renewAt(atMs: number): void {
    clearTimeout(this.#renewal);
    const waitMs = atMs - Date.now();
    // While no new token is available, the old token is returned again, with a renewal time in the past.
    const boundedMs = waitMs > 0 ? Math.min(waitMs, TIMER_MS_MAX) : RENEW_RETRY_MS;
    this.#renewal = setTimeout(() => this.#renew(), boundedMs).unref();
  }

  #renew(): void {
    this.#signIn?.()
      .then(async ({ user, password, renewAtMs }) => {
        if (this.status !== "ready") return;
        if (password !== this.options.password) {
          // With RESP2, a subscriber connection does not accept passwords, so it must reconnect.
          if (this.mode === "subscriber") return this.disconnect(true);
          await this.auth(user, password);
          this.options.password = password;
        }
        this.#renewAt(renewAtMs);
      })
      .catch((error: unknown) => {
        if (this.#closed.signal.aborted || this.status !== "ready") return;
        this.emit("error", error);
        this.#renewAt(Date.now() + RENEW_RETRY_MS);
      });
  }
}
