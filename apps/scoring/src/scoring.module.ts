import type { DynamicModule, FactoryProvider, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { Readiness } from "@tripline/nest-kit/readiness";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { releaseVersion } from "@tripline/telemetry/release-version";
import type { ScoringConfig } from "./config.js";
import { SCORING_CONFIG } from "./config.js";
import { GrpcServer } from "./grpc/grpc-server.js";
import { InferenceServer } from "./inference/inference-server.js";
import { settingsIn } from "./models/model-settings.js";
import { ServedModels } from "./models/served-models.js";
import { managedEndpointController } from "./rest/managed-endpoint.controller.js";
import { managedRoutes } from "./rest/managed-routes.js";
import { ModelController } from "./rest/model.controller.js";
import { ProtocolBodies } from "./rest/protocol-bodies.js";
import { RepositoryController } from "./rest/repository.controller.js";
import { ServerController } from "./rest/server.controller.js";
import type { ScoringMetrics } from "./scoring-metrics.js";
import { createScoringMetrics } from "./scoring-metrics.js";

const REGISTRY = Symbol("ModelRegistry");
const METRICS = Symbol("ScoringMetrics");

/** The models, and the Open Inference Protocol over gRPC and HTTP. */
@Module({})
export class ScoringModule implements OnApplicationShutdown {
  readonly #unwatch: () => void;

  constructor(
    @Inject(ServedModels) private readonly models: ServedModels,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: ScoringMetrics,
    @Inject(Readiness) readiness: Readiness,
  ) {
    readiness.add("model", () => {
      if (models.failure !== undefined) throw models.failure;
    });
    this.#unwatch = metrics.watch(() => models.all());
  }

  static forRoot(config: ScoringConfig): DynamicModule {
    return {
      module: ScoringModule,
      controllers: [
        ServerController,
        ModelController,
        RepositoryController,
        managedEndpointController(managedRoutes(config)),
      ],
      providers: [
        { provide: SCORING_CONFIG, useValue: config },
        { provide: METRICS, useFactory: createScoringMetrics },
        { provide: REGISTRY, useFactory: () => openRegistry(config.REGISTRY_URL) },
        servedModels(config),
        inferenceServer(config),
        ProtocolBodies,
        GrpcServer,
      ],
    };
  }

  /** Runs after both ports have closed. Runs in progress fail. */
  async onApplicationShutdown(): Promise<void> {
    this.#unwatch();
    await closeWithin(this.logger, "workers", () => this.models.close());
  }
}

function servedModels(config: ScoringConfig): FactoryProvider<ServedModels> {
  return {
    provide: ServedModels,
    useFactory: (registry: ModelRegistry, metrics: ScoringMetrics, logger: Logger) =>
      ServedModels.start({
        registry,
        references: config.MODELS,
        modelsMax: config.MODELS_MAX,
        pollMs: config.REGISTRY_POLL_SECONDS * 1_000,
        logger,
        settingsOf: settingsIn(config, logger, metrics),
      }),
    inject: [REGISTRY, METRICS, LOGGER],
  };
}

function inferenceServer(config: ScoringConfig): FactoryProvider<InferenceServer> {
  return {
    provide: InferenceServer,
    useFactory: (models: ServedModels, registry: ModelRegistry, metrics: ScoringMetrics, readiness: Readiness) =>
      new InferenceServer({
        models,
        registry,
        metrics,
        version: releaseVersion(),
        isControlled: config.MODEL_CONTROL === "explicit",
        isDraining: () => readiness.isDraining,
      }),
    inject: [ServedModels, REGISTRY, METRICS, Readiness],
  };
}
