import "reflect-metadata";
import type { DynamicModule, Type } from "@nestjs/common";
import { Global, Module } from "@nestjs/common";
import { TerminusModule } from "@nestjs/terminus";
import type { Logger } from "@tripline/telemetry/logger";
import { HealthController, METRICS_ELSEWHERE } from "./health.controller.js";
import { HttpServer } from "./http/http-server.js";
import { Readiness, SERVICE_NAME } from "./readiness.js";

/** The service's log, in every module. */
export const LOGGER = Symbol("LOGGER");

export interface ServiceModuleOptions {
  readonly name: string;
  readonly logger: Logger;
  /** The app's own root module. */
  readonly module: Type | DynamicModule;
  readonly hasMetricsPort: boolean;
  readonly server: HttpServer;
}

/** The shared parts around every service's root module: log, HTTP, health and metrics. */
@Global()
@Module({})
export class ServiceModule {
  static forRoot({ name, logger, module, hasMetricsPort, server }: ServiceModuleOptions): DynamicModule {
    return {
      module: ServiceModule,
      imports: [TerminusModule.forRoot({ logger: false }), module],
      controllers: [HealthController],
      providers: [
        Readiness,
        { provide: SERVICE_NAME, useValue: name },
        { provide: LOGGER, useValue: logger },
        { provide: HttpServer, useValue: server },
        { provide: METRICS_ELSEWHERE, useValue: hasMetricsPort },
      ],
      exports: [Readiness, LOGGER, HttpServer],
    };
  }
}
