import { REDIS_PATIENCE_MS } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import type { RedisServer, ServerConnection, WireCommand } from "./redis-server.js";

/** A running Redis or Valkey that executes the same schedules. */
export class RealRedis implements RedisServer {
  readonly #connections = new Set<Redis>();
  #saved: readonly (readonly [key: string, value: Buffer])[] | undefined;

  private constructor(
    private readonly url: string,
    private readonly control: Redis,
  ) {}

  static async connect(url: string): Promise<RealRedis> {
    const control = connectRedis(url, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(control);
    return new RealRedis(url, control);
  }

  async open(): Promise<ServerConnection> {
    const redis = connectRedis(this.url, undefined, REDIS_PATIENCE_MS);
    this.#connections.add(redis);
    await awaitRedis(redis);
    return {
      run: (commands) => Promise.all(commands.map((command) => redis.callBuffer(command.name, ...lasting(command)))),
      close: async () => this.#end(redis),
    };
  }

  async get(key: string): Promise<Buffer | null> {
    return this.control.getBuffer(key);
  }

  async expire(key: string): Promise<boolean> {
    return (await this.control.del(key)) > 0;
  }

  async save(): Promise<void> {
    const keys = await this.control.keys("*");
    const values = keys.length === 0 ? [] : await this.control.mgetBuffer(keys);
    this.#saved = keys.flatMap((key, index) => {
      const value = values[index];
      return value ? [[key, value] as const] : [];
    });
  }

  async rollBack(): Promise<boolean> {
    if (this.#saved === undefined) return false;
    await this.control.flushdb();
    if (this.#saved.length > 0) await this.control.mset(new Map(this.#saved));
    return true;
  }

  async reset(): Promise<void> {
    this.#saved = undefined;
    for (const redis of this.#connections) this.#end(redis);
    await this.control.flushdb();
  }

  end(): void {
    for (const redis of this.#connections) this.#end(redis);
    this.control.disconnect();
  }

  #end(redis: Redis): void {
    redis.disconnect();
    this.#connections.delete(redis);
  }
}

/** Returns the arguments without a short expiry, because a schedule's result must not depend on its duration. */
function lasting({ args }: WireCommand): readonly Buffer[] {
  const expiry = args.findIndex((arg) => arg.toString("latin1") === "PX");
  return expiry < 0 ? args : args.toSpliced(expiry, 2);
}
