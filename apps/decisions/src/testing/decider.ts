import type { Policy } from "@tripline/decision-engine/policy";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import type { EventProducer } from "@tripline/kafka/port";
import type { Logger } from "@tripline/telemetry/logger";
import { createLogger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { AttributeReader } from "../deciding/attribute-reader.js";
import { BatchDecider } from "../deciding/batch-decider.js";
import { DecisionExplainer } from "../deciding/decision-explainer.js";
import { DecisionStore } from "../deciding/decision-store.js";
import { DecisionWriter } from "../deciding/decision-writer.js";
import { DecisionMetrics } from "../decision-metrics.js";
import type { FollowedLists } from "../lists/followed-lists.js";
import { Explainer } from "../scoring/explainer.js";
import { Scorer } from "../scoring/scorer.js";
import type { ScoringClient } from "../scoring/scoring-client.js";

export interface DeciderParts {
  readonly redis: Redis;
  readonly client: ScoringClient;
  readonly producer: EventProducer;
  readonly policy: Policy;
  readonly scorecard?: Scorecard | undefined;
  /** The lists that a payment is on. Default: none. */
  readonly hits?: FollowedLists["hits"];
  readonly scoringWaitMsMax?: number;
  readonly contributionsWaitMsMax?: number;
  readonly logger?: Logger;
}

/** A decider with a fixed policy, scorecard and lists. By default, it waits up to a minute for scores. */
export function batchDecider(parts: DeciderParts): BatchDecider {
  const { redis, client, producer, policy, scorecard, hits = () => [] } = parts;
  const { logger = createLogger("test", "silent") } = parts;
  const metrics = new DecisionMetrics();
  const config = {
    MODEL_NAME: "fraud",
    FEAST_PROFILES: [],
    DECISION_TTL_HOURS: 1,
    SCORING_WAIT_MS_MAX: parts.scoringWaitMsMax ?? 60_000,
    CONTRIBUTIONS_WAIT_MS_MAX: parts.contributionsWaitMsMax ?? 60_000,
  };
  return new BatchDecider(
    { ofRound: async () => () => policy },
    { current: scorecard },
    { ofRound: async () => undefined },
    { ready: async () => {}, hits },
    new AttributeReader(redis, logger),
    new Scorer(client, config, metrics, logger),
    new DecisionExplainer(new Explainer(client, config, metrics, logger), config, logger),
    new DecisionWriter(new DecisionStore(redis, config), producer, metrics, logger),
    config,
    metrics,
    logger,
  );
}

/** A scoring service that cannot be reached. */
export const NO_SCORING: ScoringClient = {
  infer: async () => ({ failure: "unreachable", status: "", detail: "" }),
  modelMetadata: async () => ({ failure: "unreachable", status: "", detail: "" }),
  close: () => {},
};
