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

/** A running service. */
export interface RunningService {
  /** Base URL of its HTTP port. */
  readonly url: string;
  /** Base URL of its metrics port, if any. */
  readonly metricsUrl?: string;
  /** The routes of its HTTP port. */
  readonly routes: readonly RegisteredRoute[];
  /**
   * From now on, the service is not ready. It still answers requests, but closes the connection after each response. A
   * load balancer notices the shutdown seconds later, and clients reuse connections; neither should encounter a closed
   * port.
   */
  drain(): void;
  /** A provider of the service, for callers in the same process. */
  get<T>(provider: Type<T>): T;
  /** Shuts down in this order: readiness → new requests → consumers → Nest's shutdown hooks. May be called twice. */
  close(): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  readonly port: number;
  readonly host: string;
  /** Metrics port. Without it, metrics are served on `port`, but only to callers on this machine. */
  readonly metricsPort?: number | undefined;
  /** If set, the HTTP port accepts only TLS. The metrics port does not use it. */
  readonly certificate?: ServerCertificateFiles;
  readonly logger: Logger;
  /** The app's own root module. */
  readonly module: Type | DynamicModule;
  /** Providers of the root module that receive work other than through HTTP, such as `KafkaStrategy`. */
  readonly transports?: readonly Type<CustomTransportStrategy>[];
  /** Error filter. Default: `ProblemFilter`. */
  readonly filter?: ExceptionFilter;
  /** Maximum size of a request body in bytes. Default: 64 KiB. */
  readonly bodyLimitBytes?: number;
  /** Client limits. Default: `HTTP_LIMITS_DEFAULT`. */
  readonly limits?: Partial<HttpLimits>;
}

const BODY_LIMIT_BYTES_DEFAULT = 65_536;

/**
 * Nest on Fastify with health, metrics and problem+json: the frame of every app.
 *
 * It shuts down in this order: readiness; `beforeApplicationShutdown` of providers; the HTTP port, once its requests
 * are answered; the consumers of `transports`; then providers' resources in `onApplicationShutdown`, where Nest closes
 * dependents first.
 */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { name, logger, metricsPort } = options;
  const limits = { ...HTTP_LIMITS_DEFAULT, ...options.limits };
  const certificate = certificateOf(options);
  const server = new HttpServer(limits, certificate);
  const adapter = await ServiceAdapter.create(server, logger, options.bodyLimitBytes ?? BODY_LIMIT_BYTES_DEFAULT);
  const app = await NestFactory.create<NestFastifyApplication>(
    ServiceModule.forRoot({
      name,
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
  // Nest only detects TLS if it created the server.
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
    onFault: (error) => logger.error({ err: error }, "the new certificate is unusable; the previous one stays in use"),
  });
}

async function shutDown(
  app: NestFastifyApplication,
  metrics: MetricsPort | undefined,
  { name, logger }: ServiceOptions,
): Promise<void> {
  app.get(Readiness).drain();
  await app.close();
  // Closed last, so that the shutdown is traced too.
  if (metrics !== undefined) await closeWithin(logger, "metrics", () => metrics.close());
  logger.info(`${name} is down`);
}
