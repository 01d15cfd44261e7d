import type { RedisCredentials, RedisSignIn } from "@tripline/cloud-identity/open-tokens";
import type { Cluster, Redis } from "ioredis";
import { RENEW_RETRY_MS, TIMER_MS_MAX } from "./signed-in-redis.js";

/** Authenticates the connections to all nodes with tokens, which expire. See `SignedInRedis`. */
export class ClusterSignIn {
  #credentials: RedisCredentials | undefined;
  /** The password that an open connection to each node accepted last. */
  readonly #accepted = new WeakMap<Redis, string>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly signIn: RedisSignIn,
    private readonly onError: (error: Error) => void,
  ) {}

  start(): void {
    // Called before the node's connection opens.
    this.cluster.on("+node", (node: Redis) => this.#apply(node));
    this.cluster.on("end", () => {
      this.#isClosed = true;
      clearTimeout(this.#timer);
    });
    void this.#renew();
  }

  async #renew(): Promise<void> {
    let retryMs: number | undefined;
    try {
      const credentials = await this.signIn();
      if (this.#isClosed) return;
      const isFirst = this.#credentials === undefined;
      this.#credentials = credentials;
      if (isFirst) this.cluster.connect().catch(() => {});
      else await this.#authenticateAgain(credentials);
      // While no new token is available, the old one is returned again.
      retryMs = credentials.renewAtMs - Date.now();
    } catch (error) {
      this.onError(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#isClosed) return;
    const waitMs = retryMs === undefined || retryMs <= 0 ? RENEW_RETRY_MS : Math.min(retryMs, TIMER_MS_MAX);
    this.#timer = setTimeout(() => void this.#renew(), waitMs).unref();
  }

  /** @throws the first error; the next attempt skips the nodes that have accepted the token */
  async #authenticateAgain({ user, password }: RedisCredentials): Promise<void> {
    const nodes = this.cluster.nodes();
    for (const node of nodes) this.#apply(node);
    const outdated = nodes.filter((node) => node.status === "ready" && this.#accepted.get(node) !== password);
    const outcomes = await Promise.allSettled(
      outdated.map(async (node) => {
        await node.auth(user, password);
        this.#accepted.set(node, password);
      }),
    );
    const failure = outcomes.find((one) => one.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  #apply(node: Redis): void {
    if (this.#credentials === undefined) return;
    node.options.username = this.#credentials.user;
    node.options.password = this.#credentials.password;
  }
}
