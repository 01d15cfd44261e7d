import type { Redis } from "ioredis";

/** Whether a server has MSETEX, which sets many keys with one time to live: Valkey 9.1, Redis 8.4. */
export class MultiSet {
  #known: Promise<boolean> | undefined;

  constructor(private readonly redis: Redis) {
    // The next connection may reach a different server version.
    redis.on("close", () => {
      this.#known = undefined;
    });
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
    const answer: unknown = await this.redis.command("INFO", "MSETEX");
    return Array.isArray(answer) && Array.isArray(answer[0]);
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
