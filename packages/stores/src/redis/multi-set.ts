import type { Redis } from "ioredis";
import { Cluster } from "ioredis";

/** Whether a server has MSETEX, which sets many keys with one time to live: Valkey 9.1, Redis 8.4. */
export class MultiSet {
  #known: Promise<boolean> | undefined;

  constructor(private readonly redis: Redis | Cluster) {
    // The next connection, or another node, may have a different server version.
    for (const event of ["close", "+node"]) {
      redis.on(event, () => {
        this.#known = undefined;
      });
    }
  }

  /** Checks once per connection, and again after a failure. @throws like ioredis */
  isKnown(): Promise<boolean> {
    this.#known ??= this.#request().catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #request(): Promise<boolean> {
    const servers = this.redis instanceof Cluster ? this.redis.nodes("master") : [this.redis];
    const answers: unknown[] = await Promise.all(servers.map((server) => server.command("INFO", "MSETEX")));
    return answers.every((answer) => Array.isArray(answer) && Array.isArray(answer[0]));
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
