import type { DynamicModule, OnApplicationBootstrap, OnModuleDestroy } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import type { FastifyAdapter } from "@nestjs/platform-fastify";
import type { ApiOptions } from "./api-routes.js";
import { registerApi } from "./api-routes.js";

export interface IngestionModuleOptions extends ApiOptions {
  /** Lets the requests that wait for answers go, before the HTTP port waits for them. */
  drain(): void;
}

const OPTIONS = Symbol("IngestionModuleOptions");

/** Nest's side of the service: mounts the API. */
@Module({})
export class IngestionModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<FastifyAdapter>,
    @Inject(OPTIONS) private readonly options: IngestionModuleOptions,
  ) {}

  static with(options: IngestionModuleOptions): DynamicModule {
    return { module: IngestionModule, providers: [{ provide: OPTIONS, useValue: options }] };
  }

  /** Not earlier: a scope of Fastify has the error handler that its parent had when it was made, and Nest sets it late. */
  async onApplicationBootstrap(): Promise<void> {
    await registerApi(this.host.httpAdapter.getInstance(), this.options);
  }

  onModuleDestroy(): void {
    this.options.drain();
  }
}
