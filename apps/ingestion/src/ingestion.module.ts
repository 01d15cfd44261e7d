import type { DynamicModule, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import type { FastifyAdapter } from "@nestjs/platform-fastify";
import type { ApiOptions } from "./api-routes.js";
import { registerApi } from "./api-routes.js";

const API_OPTIONS = Symbol("API_OPTIONS");

/** Nest's side of the service: mounts the API. */
@Module({})
export class IngestionModule implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<FastifyAdapter>,
    @Inject(API_OPTIONS) private readonly options: ApiOptions,
  ) {}

  static with(options: ApiOptions): DynamicModule {
    return { module: IngestionModule, providers: [{ provide: API_OPTIONS, useValue: options }] };
  }

  async onModuleInit(): Promise<void> {
    await registerApi(this.host.httpAdapter.getInstance(), this.options);
  }
}
