import type { DynamicModule, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import type { FastifyInstance, FastifyPluginCallback } from "fastify";

const INFERENCE_ROUTES = Symbol("inference routes");

/** The protocol's paths. They are plain Fastify, since bodies are binary there and errors have the protocol's form. */
@Module({})
export class ScoringModule implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(INFERENCE_ROUTES) private readonly routes: FastifyPluginCallback,
  ) {}

  static with(routes: FastifyPluginCallback): DynamicModule {
    return { module: ScoringModule, providers: [{ provide: INFERENCE_ROUTES, useValue: routes }] };
  }

  onModuleInit(): void {
    // A fault in it fails the listening that follows.
    void this.host.httpAdapter.getInstance<FastifyInstance>().register(this.routes, { prefix: "/v2" });
  }
}
