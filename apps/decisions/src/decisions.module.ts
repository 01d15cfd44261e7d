import type { DynamicModule, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { Readiness } from "@tripline/nest-kit/readiness";
import { RedisModule } from "@tripline/nest-kit/redis/redis.module";
import { endpointSignature } from "@tripline/settings/endpoint-connection";
import { gauge } from "@tripline/telemetry/metrics";
import type { DecisionsConfig } from "./config.js";
import { DECISIONS_CONFIG } from "./config.js";
import { AttemptStore } from "./deciding/attempt-store.js";
import { AttributeReader } from "./deciding/attribute-reader.js";
import { BatchDecider } from "./deciding/batch-decider.js";
import { ChampionScorecard, MODEL_REGISTRY } from "./deciding/champion-scorecard.js";
import { CrashGuard } from "./deciding/crash-guard.js";
import { DecisionExplainer } from "./deciding/decision-explainer.js";
import { DecisionFiles } from "./deciding/decision-files.js";
import { DecisionStore } from "./deciding/decision-store.js";
import { DecisionWriter } from "./deciding/decision-writer.js";
import { PoliciesInForce } from "./deciding/policies-in-force.js";
import { DecisionMetrics } from "./decision-metrics.js";
import { DecisionsController } from "./decisions.controller.js";
import { FollowedLists } from "./lists/followed-lists.js";
import { EndpointClient } from "./scoring/endpoint-client.js";
import { Explainer } from "./scoring/explainer.js";
import { InferenceClient } from "./scoring/inference-client.js";
import { RolloutTable } from "./scoring/rollout-table.js";
import { Scorer } from "./scoring/scorer.js";
import type { ScoringClient } from "./scoring/scoring-client.js";
import { SCORING_CLIENT } from "./scoring/scoring-client.js";
import { scoringCredentials } from "./scoring/scoring-credentials.js";

/** Decides payments from their features. */
@Module({})
export class DecisionsModule implements OnApplicationShutdown {
  readonly #unwatch: readonly (() => void)[];

  constructor(
    @Inject(SCORING_CLIENT) private readonly scoring: ScoringClient,
    @Inject(ChampionScorecard) scorecard: ChampionScorecard,
    @Inject(DecisionMetrics) { recent }: DecisionMetrics,
    @Inject(Readiness) readiness: Readiness,
  ) {
    // The service can decide without a scorecard, so it is ready and reports what is missing.
    readiness.addNote("scorecard", () => scorecard.note);
    readiness.addNote("default_decisions", () => recent.note(Date.now()));
    this.#unwatch = [
      gauge("tripline_decisions_scorecard_in_force", { description: "1 if a scorecard can replace the model" }, () =>
        scorecard.current === undefined ? 0 : 1,
      ),
      gauge(
        "tripline_decisions_default_only",
        { description: "1 if every payment in the last minute got the default decision" },
        () => (recent.defaultsOnly(Date.now()) > 0 ? 1 : 0),
      ),
    ];
  }

  /**
   * @param scoring a scoring service in this process. Default: the endpoint at `SCORING_ENDPOINT_URL`, or the
   * service at `SCORING_ADDRESS`
   * @throws TriplineError `config-invalid`, before it connects to anything
   */
  static forRoot(config: DecisionsConfig, scoring?: ScoringClient): DynamicModule {
    const registry = config.REGISTRY_URL === undefined ? undefined : openRegistry(config.REGISTRY_URL);
    return {
      module: DecisionsModule,
      imports: [
        RedisModule.forRoot(config, { use: "keys" }),
        // A round emits all of its records at once.
        KafkaModule.forRoot(config, { clientId: "decisions", producer: { lingerMs: 0 } }),
      ],
      controllers: [DecisionsController],
      providers: [
        { provide: DECISIONS_CONFIG, useValue: config },
        { provide: MODEL_REGISTRY, useValue: registry },
        { provide: SCORING_CLIENT, useFactory: scoring === undefined ? scoringConnection(config) : () => scoring },
        ...[DecisionMetrics, DecisionFiles, ChampionScorecard, PoliciesInForce, FollowedLists, RolloutTable],
        ...[Scorer, Explainer, DecisionExplainer, DecisionStore, DecisionWriter, BatchDecider],
        ...[AttributeReader, AttemptStore, CrashGuard],
      ],
    };
  }

  onApplicationShutdown(): void {
    for (const unwatch of this.#unwatch) unwatch();
    this.scoring.close();
  }
}

/** @returns a function that opens the connection */
function scoringConnection(config: DecisionsConfig): () => ScoringClient {
  const { SCORING_ADDRESS: address, SCORING_ENDPOINT_URL: endpoint, SCORING_ENDPOINT_CALLS_MAX: callsMax } = config;
  if (endpoint !== undefined) {
    const url = new URL(endpoint);
    return () => new EndpointClient({ url, sign: endpointSignature(config, url), callsMax });
  }
  if (address === undefined) throw new TriplineError("config-invalid", "SCORING_ADDRESS is not set.");
  const credentials = scoringCredentials(config);
  return () => new InferenceClient(address, credentials);
}
