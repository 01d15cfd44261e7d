import type { DynamicModule, ExceptionFilter, Type } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { CustomTransportStrategy } from "@nestjs/microservices";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import type { HttpLimits } from "@tripline/settings/http-limits";
import { HTTP_LIMITS_DEFAULT } from "@tripline/settings/http-limits";
import type { ServerCertificateFiles } from "@tripline/settings/server-certificate";
import { ServerCertificate } from "@tripline/settings/server-certificate";
import type { Logger } from "@tripline/telemetry/logger";
import { closeWithin } from "./close-within.js";
import { HttpServer } from "./http/http-server.js";
import type { MetricsPort } from "./http/serve-metrics-port.js";
import { serveMetricsPort } from "./http/serve-metrics-port.js";
import { TextInterceptor } from "./http/text.interceptor.js";
import { nestLogger } from "./nest-logger.js";
import { ProblemFilter } from "./problem.filter.js";
import { Readiness } from "./readiness.js";
import type { RegisteredRoute } from "./service.adapter.js";
import { ServiceAdapter } from "./service.adapter.js";
import { ServiceModule } from "./service.module.js";

/** A service that is up. */
export interface RunningService {
  /** Base URL of its HTTP port. */
  readonly url: string;
  /** Base URL of its port for metrics, where it has one. */
  readonly metricsUrl?: string;
  /** What its HTTP port serves. */
  readonly routes: readonly RegisteredRoute[];
  /**
   * Not ready from now on, but requests are still answered, each on a connection that ends with its answer. A load
   * balancer learns of the end some seconds late, and clients keep connections: neither should meet a closed port.
   */
  drain(): void;
  /** A provider of the service, for the caller that started it in this process. */
  get<T>(provider: Type<T>): T;
  /** Not ready → no new requests → consumers → what Nest's shutdown hooks close. Safe to call twice. */
  close(): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  readonly port: number;
  readonly host: string;
  /** Port for metrics. Without it they are served on `port`, to callers on this machine only. */
  readonly metricsPort?: number | undefined;
  /** With it the HTTP port speaks TLS only. The port for metrics does not. */
  readonly certificate?: ServerCertificateFiles;
  readonly logger: Logger;
  /** The app's own root module. */
  readonly module: Type | DynamicModule;
  /** Providers of the root module by which work comes in other than by HTTP, for instance `KafkaStrategy`. */
  readonly transports?: readonly Type<CustomTransportStrategy>[];
  /** Filter that answers errors; `ProblemFilter` by default. */
  readonly filter?: ExceptionFilter;
  /** Largest request body in bytes; 64 KiB by default. */
  readonly bodyLimitBytes?: number;
  /** Limits for clients; `HTTP_LIMITS_DEFAULT` by default. */
  readonly limits?: Partial<HttpLimits>;
}

const BODY_LIMIT_BYTES_DEFAULT = 65_536;

/**
 * Nest on Fastify with health, metrics and problem+json: the frame of every app.
 *
 * It ends in this order: readiness; `beforeApplicationShutdown` of providers; the HTTP port, once its requests are
 * answered; the consumers of `transports`; then what providers hold, by their `onApplicationShutdown`, where Nest ends
 * what depends on something before that.
 */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { name, logger, metricsPort } = options;
  const limits = { ...HTTP_LIMITS_DEFAULT, ...options.limits };
  const certificate = certificateOf(options);
  const server = new HttpServer(limits, certificate);
  const adapter = await ServiceAdapter.create(server, logger, options.bodyLimitBytes ?? BODY_LIMIT_BYTES_DEFAULT);
  const app = await NestFactory.create<NestFastifyApplication>(
    ServiceModule.forRoot({
      logger,
      module: options.module,
      hasMetricsPort: metricsPort !== undefined,
      server,
    }),
    adapter,
    { logger: nestLogger(logger), abortOnError: false },
  );
  app.useGlobalFilters(options.filter ?? new ProblemFilter(logger));
  app.useGlobalInterceptors(new TextInterceptor());
  let metrics: MetricsPort | undefined;
  try {
    for (const transport of options.transports ?? []) {
      app.connectMicroservice({ strategy: app.get(transport, { strict: false }) });
    }
    if (metricsPort !== undefined) metrics = await serveMetricsPort(metricsPort, options.host, limits);
    await app.init();
    await app.startAllMicroservices();
    await app.listen(options.port, options.host);
  } catch (error) {
    await metrics?.close();
    await app.close();
    throw error;
  }
  const plainUrl = (await app.getUrl()).replace("[::1]", "127.0.0.1");
  // Nest knows of TLS only where it made the server.
  const url = certificate === undefined ? plainUrl : plainUrl.replace(/^http:/, "https:");
  logger.info({ url }, `${name} is up`);
  let closing: Promise<void> | undefined;
  return {
    url,
    ...(metrics === undefined ? {} : { metricsUrl: metrics.url }),
    routes: adapter.routes,
    drain() {
      server.drain();
      app.get(Readiness).drain();
    },
    get: (provider) => app.get(provider, { strict: false }),
    close() {
      closing ??= shutDown(app, metrics, options);
      return closing;
    },
  };
}

function certificateOf({ certificate, logger }: ServiceOptions): ServerCertificate | undefined {
  if (certificate === undefined) return undefined;
  return new ServerCertificate(certificate, {
    onRenewed: () => logger.info("the certificate of the HTTP port was renewed"),
    onFault: (error) => logger.error({ err: error }, "the new certificate cannot be used; the one before stays"),
  });
}

async function shutDown(
  app: NestFastifyApplication,
  metrics: MetricsPort | undefined,
  { name, logger }: ServiceOptions,
): Promise<void> {
  app.get(Readiness).drain();
  await app.close();
  // Last, so that the shutdown is traced as well.
  if (metrics !== undefined) await closeWithin(logger, "metrics", () => metrics.close());
  logger.info(`${name} is down`);
}
