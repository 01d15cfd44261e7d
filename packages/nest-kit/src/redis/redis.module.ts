import type { DynamicModule, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { RedisConfig } from "@tripline/settings/connection-config";
import { connectRedis, requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Logger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { Readiness } from "../readiness.js";
import { LOGGER } from "../service.module.js";

export interface RedisModuleOptions {
  /** Default: `redis`. A service with several connections imports the module once per connection. */
  readonly name?: string;
  /** Whether readiness depends on this connection. Default: true. */
  readonly isChecked?: boolean;
}

const NAME_DEFAULT = "redis";
const OPTIONS = Symbol("RedisModuleOptions");
const CONNECTION = Symbol("RedisConnection");

/** Injects the named ioredis connection. */
export function InjectRedis(name = NAME_DEFAULT): ParameterDecorator {
  return Inject(redisToken(name));
}

/** Token of a connection, for a factory's `inject`. */
export function redisToken(name = NAME_DEFAULT): string {
  return `redis connection: ${name}`;
}

/** One Redis connection. Redis may be unavailable. The connection closes after everything that uses it. */
@Module({})
export class RedisModule implements OnApplicationShutdown {
  constructor(
    @Inject(OPTIONS) { name, isChecked }: Required<RedisModuleOptions>,
    @Inject(CONNECTION) private readonly redis: Redis,
    @Inject(Readiness) readiness: Readiness,
  ) {
    if (!isChecked) return;
    readiness.add(name, async () => {
      await requestRedis(() => redis.ping());
    });
  }

  static forRoot(config: RedisConfig, options: RedisModuleOptions = {}): DynamicModule {
    const { name = NAME_DEFAULT, isChecked = true } = options;
    const connect = (logger: Logger) =>
      connectRedis(config, (error) => logger.warn({ err: error }, "a Redis connection broke"));
    return {
      module: RedisModule,
      providers: [
        { provide: OPTIONS, useValue: { name, isChecked } },
        { provide: CONNECTION, useFactory: connect, inject: [LOGGER] },
        { provide: redisToken(name), useExisting: CONNECTION },
      ],
      exports: [redisToken(name)],
    };
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
