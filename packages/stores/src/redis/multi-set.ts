import type { Redis } from "ioredis";

/** Whether a server has MSETEX, which sets many keys with one time to live in one command: Valkey 9.1, Redis 8.4. */
export class MultiSet {
  #known: Promise<boolean> | undefined;

  constructor(private readonly redis: Redis) {
    // The next connection may lead to another version of the server.
    redis.on("close", () => {
      this.#known = undefined;
    });
  }

  /** Asks once per connection; after a failure it asks again. @throws what ioredis throws */
  isKnown(): Promise<boolean> {
    this.#known ??= this.#ask().catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #ask(): Promise<boolean> {
    const answer: unknown = await this.redis.command("INFO", "MSETEX");
    return Array.isArray(answer) && Array.isArray(answer[0]);
  }
}

/**
 * MSETEX's arguments, https://redis.io/docs/latest/commands/msetex/
 *
 * @param condition NX: all keys are set, or none where one of them is there already
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
