import type { DynamicModule, OnApplicationBootstrap } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import type { FastifyAdapter } from "@nestjs/platform-fastify";
import type { OnlineOptions } from "./online/online-routes.js";
import { registerOnline } from "./online/online-routes.js";

export interface FeaturesModuleOptions {
  /** What serves features to others; undefined where nobody may read them. */
  readonly online: OnlineOptions | undefined;
}

const OPTIONS = Symbol("FeaturesModuleOptions");

/** Nest's side of the service: mounts what serves features, beside the health and metrics that every service has. */
@Module({})
export class FeaturesModule implements OnApplicationBootstrap {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<FastifyAdapter>,
    @Inject(OPTIONS) private readonly options: FeaturesModuleOptions,
  ) {}

  static with(options: FeaturesModuleOptions): DynamicModule {
    return { module: FeaturesModule, providers: [{ provide: OPTIONS, useValue: options }] };
  }

  async onApplicationBootstrap(): Promise<void> {
    const { online } = this.options;
    if (online !== undefined) {
      await registerOnline(this.host.httpAdapter.getInstance(), online);
    }
  }
}
