import { readFileSync } from "node:fs";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { createLogger } from "@tripline/service-kit/logger";
import type { RunningService } from "@tripline/service-kit/start-service";
import { startService } from "@tripline/service-kit/start-service";
import { z } from "zod";
import { inferenceService } from "./answer-inference.js";
import type { ScoringConfig } from "./config.js";
import { ModelServer } from "./model-server.js";
import { ScoringModule } from "./scoring.module.js";
import { createScoringMetrics } from "./scoring-metrics.js";
import type { RunningGrpc } from "./serve-grpc.js";
import { serveGrpc } from "./serve-grpc.js";

export interface RunningScoring extends RunningService {
  /** host:port of the Open Inference Protocol. */
  readonly grpcAddress: string;
}

/**
 * Starts the scoring service: the model first, then the ports, so that nobody is let in before there is a model.
 *
 * @throws TriplineError `model-not-found` or `model-refused` when there is no model that may be served, `config-invalid`
 * when the registry, a port or an execution provider cannot be had
 */
export async function startScoring(config: ScoringConfig): Promise<RunningScoring> {
  const logger = createLogger("scoring", config.LOG_LEVEL);
  const metrics = createScoringMetrics();
  const models = await ModelServer.start({
    registry: openRegistry(config.REGISTRY_URL),
    name: config.MODEL_NAME,
    alias: config.MODEL_ALIAS,
    pollMs: config.REGISTRY_POLL_SECONDS * 1_000,
    session: {
      workers: config.WORKERS,
      providers: config.EXECUTION_PROVIDERS,
      requireGpu: config.REQUIRE_GPU,
    },
    limits: { rowsPerRunMax: config.ROWS_PER_RUN_MAX, rowsQueuedMax: config.ROWS_QUEUED_MAX },
    logger,
    metrics,
  });
  const { manifest, providers } = models.current;
  logger.info({ model: manifest.name, version: manifest.version, providers }, "a model is in place");
  const unwatch = metrics.watch(() => models.current);
  const closeModels = async (): Promise<void> => {
    unwatch();
    await models.close();
  };
  let isDraining = false;
  let grpc: RunningGrpc | undefined;
  try {
    const running = await serveGrpc(
      config.HOST,
      config.GRPC_PORT,
      inferenceService({
        current: () => models.current,
        isReady: () => !isDraining && models.failure === undefined,
        rowsPerRunMax: config.ROWS_PER_RUN_MAX,
        version: packageVersion(),
        metrics,
        logger,
      }),
    );
    grpc = running;
    const stopGrpc = (): Promise<void> => {
      isDraining = true;
      return running.stop();
    };
    const service = await startService({
      name: "scoring",
      port: config.PORT,
      host: config.HOST,
      logger,
      module: ScoringModule,
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

function throwIf(error: Error | undefined): void {
  if (error !== undefined) throw error;
}

function packageVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
