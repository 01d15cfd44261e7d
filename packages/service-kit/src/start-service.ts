import "reflect-metadata";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { DynamicModule, Type } from "@nestjs/common";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { HealthController, METRICS_ELSEWHERE } from "./health.controller.js";
import type { HealthCheck } from "./health.js";
import { Health } from "./health.js";
import type { HttpLimits } from "./http/http-limits.js";
import { HTTP_LIMITS_DEFAULT } from "./http/http-limits.js";
import { answerNow, HttpServer } from "./http/http-server.js";
import { refuseOtherMethods } from "./http/refuse-methods.js";
import type { MetricsPort } from "./http/serve-metrics-port.js";
import { serveMetricsPort } from "./http/serve-metrics-port.js";
import type { Logger } from "./logger.js";
import { nestLogger } from "./logger.js";
import { ProblemFilter } from "./problem.filter.js";
import type { PreparedProblem } from "./problem.js";
import { asHttpError, prepareProblem } from "./problem.js";
import { countRequests } from "./request-durations.js";

/** A service that is up. */
export interface RunningService {
  /** Base URL of its HTTP port. */
  readonly url: string;
  /** Base URL of its port for metrics, where it has one. */
  readonly metricsUrl?: string;
  /**
   * Not ready from now on, but requests are still answered, each on a connection that ends with its answer. Whoever
   * spreads requests over instances learns of an end some seconds late, and clients keep connections; neither of them
   * is to meet a closed door.
   */
  drain(): void;
  /** Not ready → no new requests → the shutdown steps in their order. Safe to call twice. */
  close(): Promise<void>;
}

export interface ShutdownStep {
  readonly name: string;
  run(): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  readonly port: number;
  readonly host: string;
  /** Where metrics are served. Without it on `port`, to callers of this machine alone. */
  readonly metricsPort?: number | undefined;
  readonly logger: Logger;
  /** The app's own root module. */
  readonly module: Type | DynamicModule;
  /** Asked by `/health/ready`. A check that throws makes the service not ready. */
  readonly readiness: Readonly<Record<string, HealthCheck>>;
  readonly shutdown: readonly ShutdownStep[];
  /** Largest request body in bytes; 64 KiB by default. */
  readonly bodyLimitBytes?: number;
  /** What clients may take up; `HTTP_LIMITS_DEFAULT` where it is not said. */
  readonly limits?: Partial<HttpLimits>;
  /**
   * Asked about every request before Fastify and Nest are, with nothing but its head read. The answer that it gives is sent
   * at once; without one the request goes its way.
   */
  turnAway?(request: IncomingMessage): PreparedProblem | undefined;
}

const BODY_LIMIT_BYTES_DEFAULT = 65_536;
const SHUTDOWN_STEP_MS_MAX = 10_000;

@Module({})
class ServiceModule {}

/** Nest on Fastify with health, metrics and problem+json: the shell every app stands in. */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const health = new Health(options.readiness);
  const limits = { ...HTTP_LIMITS_DEFAULT, ...options.limits };
  const server = new HttpServer({ limits, turnAway: options.turnAway });
  const adapter = new FastifyAdapter<Server>({
    bodyLimit: options.bodyLimitBytes ?? BODY_LIMIT_BYTES_DEFAULT,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 128 },
    serverFactory: (handle: RequestListener) => server.create(handle),
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => server.onClientError(error, socket),
    // What the router refuses before there is a route, and with it a filter. Fastify's own answer repeats the address.
    frameworkErrors: (thrown: unknown, _request: unknown, reply: { readonly raw: ServerResponse }) =>
      answerNow(reply.raw, prepareProblem(asHttpError(thrown))),
  });
  refuseOtherMethods(adapter.getInstance());
  countRequests(adapter.getInstance());
  const root: DynamicModule = {
    module: ServiceModule,
    imports: [options.module],
    controllers: [HealthController],
    providers: [
      { provide: Health, useValue: health },
      { provide: METRICS_ELSEWHERE, useValue: options.metricsPort !== undefined },
    ],
  };
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: nestLogger(options.logger),
    abortOnError: false,
  });
  app.useGlobalFilters(new ProblemFilter(options.logger));
  const metrics = await openMetrics(options, limits);
  try {
    await app.listen(options.port, options.host);
  } catch (error) {
    await metrics?.close();
    throw error;
  }
  const url = (await app.getUrl()).replace("[::1]", "127.0.0.1");
  options.logger.info({ url }, `${options.name} is up`);
  let closing: Promise<void> | undefined;
  return {
    url,
    ...(metrics === undefined ? {} : { metricsUrl: metrics.url }),
    drain() {
      server.drain();
      health.drain();
    },
    close() {
      closing ??= shutDown(app, server, metrics, health, options);
      return closing;
    },
  };
}

async function openMetrics(
  { metricsPort, host }: ServiceOptions,
  limits: HttpLimits,
): Promise<MetricsPort | undefined> {
  return metricsPort === undefined ? undefined : serveMetricsPort(metricsPort, host, limits);
}

async function shutDown(
  app: NestFastifyApplication,
  server: HttpServer,
  metrics: MetricsPort | undefined,
  health: Health,
  options: ServiceOptions,
): Promise<void> {
  health.drain();
  server.close();
  const steps: ShutdownStep[] = [
    { name: "http", run: () => app.close() },
    // A caller who has not read its answer by now does not get it.
    { name: "connections", run: async () => app.getHttpServer().closeAllConnections() },
    ...options.shutdown,
  ];
  // Last: the end of a service is looked at as well.
  if (metrics !== undefined) steps.push({ name: "metrics", run: () => metrics.close() });
  for (const step of steps) {
    try {
      await bounded(step.run(), SHUTDOWN_STEP_MS_MAX);
    } catch (error) {
      options.logger.error({ err: error, step: step.name }, "a shutdown step failed");
    }
  }
  options.logger.info(`${options.name} is down`);
}

async function bounded(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
