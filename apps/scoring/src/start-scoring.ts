import { readFileSync } from "node:fs";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import type { Logger } from "@tripline/service-kit/logger";
import { createLogger } from "@tripline/service-kit/logger";
import { readPem } from "@tripline/service-kit/read-certificates";
import { httpPort } from "@tripline/service-kit/read-config";
import { z } from "zod";
import type { ModelReference, ScoringConfig } from "./config.js";
import { rowsPerRunOf } from "./execution-providers.js";
import { HealthCheck } from "./grpc/health-service.js";
import { addInferenceService, INFERENCE_SERVICE } from "./grpc/inference-service.js";
import { addReflection } from "./grpc/reflection.js";
import type { GrpcTls, RunningGrpc } from "./grpc/serve-grpc.js";
import { serveGrpc } from "./grpc/serve-grpc.js";
import { InferenceServer } from "./inference-server.js";
import { inferenceRoutes } from "./rest/inference-routes.js";
import { ScoringModule } from "./scoring.module.js";
import type { ScoringMetrics } from "./scoring-metrics.js";
import { createScoringMetrics } from "./scoring-metrics.js";
import type { ServedModelsOptions } from "./served-models.js";
import { ServedModels } from "./served-models.js";

/** Names whose health is known; the empty one is the whole server. */
const HEALTH_OF: ReadonlySet<string> = new Set(["", INFERENCE_SERVICE]);

export interface RunningScoring extends RunningService {
  /** host:port of the Open Inference Protocol. */
  readonly grpcAddress: string;
}

/**
 * Starts the scoring service: the models first, then the ports, so that nobody is let in before there are models.
 *
 * @throws TriplineError `model-not-found` or `model-refused` when there is no model that may be served, `config-invalid`
 * when the registry, a port or an execution provider cannot be had
 */
export async function startScoring(config: ScoringConfig): Promise<RunningScoring> {
  const logger = createLogger("scoring", config.LOG_LEVEL);
  const metrics = createScoringMetrics();
  const registry = openRegistry(config.REGISTRY_URL);
  const models = await ServedModels.start({
    registry,
    references: config.MODELS,
    modelsMax: config.MODELS_MAX,
    pollMs: config.REGISTRY_POLL_SECONDS * 1_000,
    logger,
    settingsOf: settingsIn(config, logger, metrics),
  });
  const server = new InferenceServer({
    models,
    registry,
    metrics,
    version: packageVersion(),
    isControlled: config.MODEL_CONTROL === "explicit",
  });
  const unwatch = metrics.watch(() => models.all());
  const closeModels = async (): Promise<void> => {
    unwatch();
    await models.close();
  };
  let grpc: RunningGrpc | undefined;
  try {
    const health = new HealthCheck((service) => (HEALTH_OF.has(service) ? server.isReady() : undefined));
    const running = await serveGrpc({
      host: config.HOST,
      port: config.GRPC_PORT,
      tls: grpcTls(config),
      addServices(to) {
        addInferenceService(to, server, logger);
        health.addTo(to);
        addReflection(to);
      },
    });
    grpc = running;
    const stopGrpc = (): Promise<void> => {
      server.drain();
      health.end();
      return running.stop();
    };
    const service = await startService({
      name: "scoring",
      ...httpPort(config),
      logger,
      module: ScoringModule.with(inferenceRoutes(server, logger)),
      readiness: { model: () => throwIf(models.failure) },
      shutdown: [
        { name: "grpc", run: stopGrpc },
        { name: "workers", run: closeModels },
      ],
    });
    return { ...service, grpcAddress: running.address };
  } catch (error) {
    await grpc?.stop();
    await closeModels();
    throw error;
  }
}

/** @throws TriplineError `config-invalid` where a file cannot be read */
function grpcTls(config: ScoringConfig): GrpcTls | undefined {
  const { GRPC_CERT_FILE: certificate, GRPC_KEY_FILE: key, GRPC_CLIENT_CA_FILE: authorities } = config;
  if (certificate === undefined || key === undefined) return undefined;
  return {
    certificate: readPem("GRPC_CERT_FILE", certificate, "CERTIFICATE"),
    key: readPem("GRPC_KEY_FILE", key, "PRIVATE KEY"),
    clientAuthorities:
      authorities === undefined ? undefined : readPem("GRPC_CLIENT_CA_FILE", authorities, "CERTIFICATE"),
  };
}

/** What holds for one model: its own settings by name and alias, then those by name, then those of all. */
function settingsIn(config: ScoringConfig, logger: Logger, metrics: ScoringMetrics): ServedModelsOptions["settingsOf"] {
  return ({ name, alias }: ModelReference) => {
    const own = { ...config.MODEL_SETTINGS[name], ...config.MODEL_SETTINGS[`${name}@${alias}`] };
    return {
      session: {
        workers: own.workers ?? config.WORKERS,
        providers: own.execution_providers ?? config.EXECUTION_PROVIDERS,
        requireGpu: own.require_gpu ?? config.REQUIRE_GPU,
        isExplained: own.contributions ?? config.CONTRIBUTIONS,
      },
      limitsOf: ([first = "cpu"]) => ({
        rowsPerRunMax:
          own.rows_per_run_max_by_provider?.[first] ??
          own.rows_per_run_max ??
          config.ROWS_PER_RUN_MAX_BY_PROVIDER[first] ??
          config.ROWS_PER_RUN_MAX ??
          rowsPerRunOf(first),
        rowsQueuedMax: own.rows_queued_max ?? config.ROWS_QUEUED_MAX,
      }),
      featureSpecVersion: config.FEATURE_SPEC_VERSION,
      logger,
      metrics,
    };
  };
}

function throwIf(error: Error | undefined): void {
  if (error !== undefined) throw error;
}

function packageVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
