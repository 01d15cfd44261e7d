import type { DynamicModule, FactoryProvider, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { EventProducer, Kafka } from "@tripline/kafka/port";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { EVENT_PRODUCER, KAFKA } from "@tripline/nest-kit/kafka/kafka.tokens";
import { Readiness } from "@tripline/nest-kit/readiness";
import { RedisModule, redisToken } from "@tripline/nest-kit/redis/redis.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { gauge } from "@tripline/telemetry/metrics";
import type { Redis } from "ioredis";
import type { DecisionsConfig } from "./config.js";
import { AttemptStore } from "./deciding/attempt-store.js";
import { BatchDecider } from "./deciding/batch-decider.js";
import { ChampionScorecard } from "./deciding/champion-scorecard.js";
import { CrashGuard } from "./deciding/crash-guard.js";
import { DecisionFiles } from "./deciding/decision-files.js";
import { DecisionStore } from "./deciding/decision-store.js";
import { PoliciesInForce } from "./deciding/policies-in-force.js";
import { DecisionMetrics } from "./decision-metrics.js";
import { DecisionsController } from "./decisions.controller.js";
import { FollowedLists } from "./lists/followed-lists.js";
import { Explainer } from "./scoring/explainer.js";
import { InferenceClient } from "./scoring/inference-client.js";
import { RolloutTable } from "./scoring/rollout-table.js";
import { Scorer } from "./scoring/scorer.js";
import type { ScoringClient } from "./scoring/scoring-client.js";
import { scoringCredentials } from "./scoring/scoring-credentials.js";

/** A `ScoringClient`. */
const SCORING_CLIENT = Symbol("SCORING_CLIENT");

const HOUR_S = 3_600;

/** Turns payments with their features into decisions. */
@Module({})
export class DecisionsModule implements OnApplicationShutdown {
  readonly #unwatch: readonly (() => void)[];

  constructor(
    @Inject(SCORING_CLIENT) private readonly scoring: ScoringClient,
    @Inject(ChampionScorecard) scorecard: ChampionScorecard,
    @Inject(DecisionMetrics) { recent }: DecisionMetrics,
    @Inject(Readiness) readiness: Readiness,
  ) {
    // The service decides without a scorecard too, so it is ready, and says what is missing.
    readiness.addNote("scorecard", () => scorecard.note);
    readiness.addNote("default_decisions", () => recent.note(Date.now()));
    this.#unwatch = [
      gauge(
        "tripline_decisions_scorecard_in_force",
        { description: "1 while a scorecard can stand in for the model" },
        () => (scorecard.current === undefined ? 0 : 1),
      ),
      gauge(
        "tripline_decisions_default_only",
        { description: "1 while every payment of the last minute got the default decision" },
        () => (recent.defaultsOnly(Date.now()) > 0 ? 1 : 0),
      ),
    ];
  }

  /**
   * @param scoring a scoring service in this process; otherwise the one at `SCORING_ADDRESS` is asked
   * @throws TriplineError `config-invalid`, before anything is connected
   */
  static forRoot(config: DecisionsConfig, scoring?: ScoringClient): DynamicModule {
    const { MODEL_NAME: modelName } = config;
    const client = scoring === undefined ? connectScoring(config) : () => scoring;
    const registry = config.REGISTRY_URL === undefined ? undefined : openRegistry(config.REGISTRY_URL);
    const spec = currentFeatureSpec();
    const features = { specVersion: spec.version, names: spec.features.map((feature) => feature.name) };
    return {
      module: DecisionsModule,
      imports: [
        RedisModule.forRoot(config),
        // A round emits all of its records at once.
        KafkaModule.forRoot(config, { clientId: "decisions", producer: { lingerMs: 0 } }),
      ],
      controllers: [DecisionsController],
      providers: [
        DecisionMetrics,
        {
          provide: DecisionFiles,
          inject: [LOGGER, DecisionMetrics],
          useFactory: (logger: Logger, metrics: DecisionMetrics) => new DecisionFiles(config, logger, metrics),
        },
        scorecardProvider(config, registry),
        {
          provide: PoliciesInForce,
          inject: [DecisionFiles, DecisionMetrics, KAFKA, Readiness, LOGGER],
          useFactory: (
            files: DecisionFiles,
            metrics: DecisionMetrics,
            kafka: Kafka,
            readiness: Readiness,
            logger: Logger,
          ) => new PoliciesInForce(files, metrics, { kafka, readiness, logger }),
        },
        {
          provide: DecisionStore,
          inject: [redisToken()],
          useFactory: (redis: Redis) => new DecisionStore(redis, config.DECISION_TTL_HOURS * HOUR_S),
        },
        { provide: SCORING_CLIENT, useFactory: client },
        {
          provide: Scorer,
          inject: [SCORING_CLIENT, DecisionMetrics, LOGGER],
          useFactory: (client: ScoringClient, metrics: DecisionMetrics, logger: Logger) =>
            new Scorer({ client, modelName, features, metrics, logger }),
        },
        {
          provide: Explainer,
          inject: [SCORING_CLIENT, DecisionMetrics, LOGGER],
          useFactory: (client: ScoringClient, metrics: DecisionMetrics, logger: Logger) =>
            new Explainer({ client, modelName, metrics, logger }),
        },
        {
          provide: FollowedLists,
          inject: [DecisionMetrics, KAFKA, Readiness, LOGGER],
          useFactory: (metrics: DecisionMetrics, kafka: Kafka, readiness: Readiness, logger: Logger) =>
            new FollowedLists(metrics, { kafka, readiness, logger }),
        },
        rolloutProvider(modelName),
        batchDeciderProvider(config),
        {
          provide: CrashGuard,
          inject: [BatchDecider, redisToken(), LOGGER],
          useFactory: (decider: BatchDecider, redis: Redis, logger: Logger) =>
            new CrashGuard({
              attempts: new AttemptStore(redis, config.KAFKA_TOPIC_PREFIX),
              decide: (batches, unsafe) => decider.handle(batches, unsafe),
              logger,
            }),
        },
      ],
    };
  }

  onApplicationShutdown(): void {
    for (const unwatch of this.#unwatch) unwatch();
    this.scoring.close();
  }
}

/** @returns opens the connection */
function connectScoring(config: DecisionsConfig): () => ScoringClient {
  const { SCORING_ADDRESS: address } = config;
  if (address === undefined) throw new TriplineError("config-invalid", "SCORING_ADDRESS is not set.");
  const credentials = scoringCredentials(config);
  return () => new InferenceClient(address, credentials);
}

function batchDeciderProvider(config: DecisionsConfig): FactoryProvider<BatchDecider> {
  return {
    provide: BatchDecider,
    inject: [
      DecisionStore,
      Scorer,
      Explainer,
      EVENT_PRODUCER,
      PoliciesInForce,
      FollowedLists,
      ChampionScorecard,
      RolloutTable,
      DecisionMetrics,
      LOGGER,
    ],
    useFactory: (
      store: DecisionStore,
      scorer: Scorer,
      explainer: Explainer,
      producer: EventProducer,
      policies: PoliciesInForce,
      lists: FollowedLists,
      scorecards: ChampionScorecard,
      rollouts: RolloutTable,
      metrics: DecisionMetrics,
      logger: Logger,
    ) =>
      new BatchDecider({
        store,
        scorer,
        explainer,
        producer,
        lists,
        metrics,
        logger,
        policies: () => policies.ofRound(),
        scorecard: () => scorecards.current,
        rollout: () => rollouts.ofRound(),
        scoringWaitMsMax: config.SCORING_WAIT_MS_MAX,
        contributionsWaitMsMax: config.CONTRIBUTIONS_WAIT_MS_MAX,
      }),
  };
}

function rolloutProvider(modelName: string): FactoryProvider<RolloutTable> {
  return {
    provide: RolloutTable,
    inject: [KAFKA, Readiness, LOGGER],
    useFactory: (kafka: Kafka, readiness: Readiness, logger: Logger) =>
      new RolloutTable(modelName, { kafka, readiness, logger }),
  };
}

function scorecardProvider(
  config: DecisionsConfig,
  registry: ModelRegistry | undefined,
): FactoryProvider<ChampionScorecard> {
  return {
    provide: ChampionScorecard,
    inject: [LOGGER, DecisionMetrics],
    useFactory: (logger: Logger, metrics: DecisionMetrics) =>
      new ChampionScorecard({
        registry,
        metrics,
        logger,
        modelName: config.MODEL_NAME,
        pollMs: config.REGISTRY_POLL_SECONDS * 1_000,
      }),
  };
}
