import type { DynamicModule, OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { RedisConfig } from "@tripline/settings/connection-config";
import { checkRedis } from "@tripline/stores/redis/check-redis";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { openRedis, openSubscriber } from "@tripline/stores/redis/connect-cluster";
import { connectRedis, requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Logger } from "@tripline/telemetry/logger";
import { Readiness } from "../readiness.js";
import { LOGGER } from "../service.module.js";

export interface RedisModuleOptions {
  /** Default: `redis`. A service with several connections imports the module once per connection. */
  readonly name?: string;
  /** Whether readiness depends on this connection. Default: true. */
  readonly isChecked?: boolean;
  /**
   * What the connection is for: `keys` may be in a cluster, and are then read and written with the hash tags of
   * `keyGroupsOf`; `subscriptions` need no keys. Default: `one-server`.
   */
  readonly use?: RedisUse;
}

type RedisUse = "keys" | "subscriptions" | "one-server";

const OPEN = { keys: openRedis, subscriptions: openSubscriber, "one-server": connectRedis };
const NAME_DEFAULT = "redis";
const OPTIONS = Symbol("RedisModuleOptions");
const CONNECTION = Symbol("RedisConnection");

interface ModuleOptions extends Required<Pick<RedisModuleOptions, "name" | "isChecked">> {
  readonly config: RedisConfig;
}

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
export class RedisModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(OPTIONS) private readonly options: ModuleOptions,
    @Inject(CONNECTION) private readonly redis: RedisConnection,
    @Inject(Readiness) readiness: Readiness,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { name, isChecked } = options;
    if (!isChecked) return;
    readiness.add(name, async () => {
      await requestRedis(() => redis.ping());
    });
  }

  static forRoot(config: RedisConfig, options: RedisModuleOptions = {}): DynamicModule {
    const { name = NAME_DEFAULT, isChecked = true, use = "one-server" } = options;
    const connect = (logger: Logger) =>
      OPEN[use](config, (error) => logger.warn({ err: error }, "a Redis connection broke"));
    return {
      module: RedisModule,
      providers: [
        { provide: OPTIONS, useValue: { name, isChecked, config } },
        { provide: CONNECTION, useFactory: connect, inject: [LOGGER] },
        { provide: redisToken(name), useExisting: CONNECTION },
      ],
      exports: [redisToken(name)],
    };
  }

  /** @throws TriplineError `config-invalid` for a Redis that is not what the settings say */
  async onModuleInit(): Promise<void> {
    // One check per service is enough.
    if (!this.options.isChecked) return;
    await checkRedis(this.options.config, { onWarning: (message) => this.logger.warn(message) });
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
