import type { DynamicModule, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import type { FastifyAdapter } from "@nestjs/platform-fastify";
import { Provider } from "oidc-provider";
import { mountProvider } from "./mount-provider.js";

/** Nest's side of the service: mounts the OAuth server. */
@Module({})
export class AuthModule implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<FastifyAdapter>,
    @Inject(Provider) private readonly provider: Provider,
  ) {}

  static with(provider: Provider): DynamicModule {
    return { module: AuthModule, providers: [{ provide: Provider, useValue: provider }] };
  }

  async onModuleInit(): Promise<void> {
    await mountProvider(this.host.httpAdapter.getInstance(), this.provider);
  }
}
