import type { Redis } from "ioredis";
import { Cluster } from "ioredis";

/** Whether a server has MSETEX, which sets many keys with one time to live: Valkey 9.1, Redis 8.4. */
export class MultiSet {
  #known: Promise<boolean> | undefined;
  /** Number of the last check. Only its answer is used. */
  #last = 0;

  constructor(private readonly redis: Redis | Cluster) {
    // The next connection may have a different server version.
    redis.on("close", () => {
      this.#last += 1;
      this.#known = undefined;
    });
    // So may another node of the cluster. Until it is checked, the last answer is used, because nodes are also added
    // while a master is unavailable, and requests for the others must not wait for it.
    redis.on("+node", () => void this.#checkAgain());
  }

  /** Checks once per connection, and again after a failure. @throws like ioredis */
  isKnown(): Promise<boolean> {
    this.#known ??= this.#request().catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  /** Never rejects: after a failure, the last answer remains. */
  async #checkAgain(): Promise<void> {
    if (this.#known === undefined) return;
    this.#last += 1;
    const number = this.#last;
    const isKnown = await this.#request().catch(() => undefined);
    if (isKnown !== undefined && number === this.#last) this.#known = Promise.resolve(isKnown);
  }

  /** Ignores masters that do not respond: when they do, or are replaced, `+node` follows. */
  async #request(): Promise<boolean> {
    const servers = this.redis instanceof Cluster ? this.redis.nodes("master") : [this.redis];
    const answers = await Promise.allSettled(servers.map((server) => server.command("INFO", "MSETEX")));
    const responses: unknown[] = answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failure = answers.find((one) => one.status === "rejected");
    if (responses.length === 0 && failure !== undefined) throw failure.reason;
    return responses.every((answer) => Array.isArray(answer) && Array.isArray(answer[0]));
  }
}

/**
 * The arguments of MSETEX, https://redis.io/docs/latest/commands/msetex/
 *
 * @param condition NX: sets all keys, or none if one of them exists
 */
export function multiSetArgs<V extends string | Uint8Array>(
  entries: readonly { readonly key: string; readonly value: V }[],
  ttlSeconds: number,
  condition?: "NX",
): (string | V)[] {
  const args: (string | V)[] = [`${entries.length}`];
  for (const { key, value } of entries) args.push(key, value);
  if (condition !== undefined) args.push(condition);
  args.push("EX", `${ttlSeconds}`);
  return args;
}
