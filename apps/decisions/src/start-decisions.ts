import type { ChannelCredentials } from "@grpc/grpc-js";
import { credentials } from "@grpc/grpc-js";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { consumerCheck } from "@tripline/nest-kit/kafka/check-consumer";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { connectRedis } from "@tripline/service-kit/connect-redis";
import { consumerMetrics } from "@tripline/service-kit/consumer-metrics";
import { kafkaConnection } from "@tripline/service-kit/kafka-connection";
import type { Logger } from "@tripline/service-kit/logger";
import { createLogger } from "@tripline/service-kit/logger";
import { readPem } from "@tripline/service-kit/read-certificates";
import { httpPort } from "@tripline/service-kit/read-config";
import type { DecisionsConfig } from "./config.js";
import { BatchDecider, DECISIONS_GROUP, PAYMENTS_TOGETHER_MAX } from "./decide-batch.js";
import { DecisionMetrics } from "./decision-metrics.js";
import { DecisionStore } from "./decision-store.js";
import { DecisionsModule } from "./decisions.module.js";
import { Explainer } from "./explain-batch.js";
import { InferenceClient } from "./inference-client.js";
import { Scorer } from "./score-batch.js";
import type { FileWatch } from "./watch-file.js";
import { watchFile } from "./watch-file.js";
import type { PolicyWatch } from "./watch-policy.js";
import { watchPolicy } from "./watch-policy.js";

const HOUR_S = 3_600;

/**
 * Starts the service. Kafka, Redis and scoring need not be up: it is not ready until the first two are, and decides by
 * the scorecard, or by rules alone where there is none, while scoring is not.
 *
 * @throws TriplineError `policy-invalid`, `scorecard-invalid` or `config-invalid`
 */
export async function startDecisions(
  config: DecisionsConfig,
  logger: Logger = createLogger("decisions", config.LOG_LEVEL),
): Promise<RunningService> {
  const spec = currentFeatureSpec();
  const metrics = new DecisionMetrics();
  const policies = await followPolicy(config.POLICY_FILE, logger, metrics);
  const scorecards = await followScorecard(config.SCORECARD_FILE, logger, metrics);
  const redis = connectRedis(config, (error) => logger.debug({ err: error }, "redis connection"));
  const client = new InferenceClient(config.SCORING_ADDRESS, scoringCredentials(config));
  const kafka = connectKafka({
    ...kafkaConnection(config),
    clientId: "decisions",
    log: (level, message, extra) => logger[level](extra, message),
  });
  // A round gives all that it has at once.
  const producer = await kafka.producer({ lingerMs: 0 });
  const decider = new BatchDecider({
    store: new DecisionStore(redis, config.DECISION_TTL_HOURS * HOUR_S),
    scorer: new Scorer({
      client,
      modelName: config.MODEL_NAME,
      features: { specVersion: spec.version, names: spec.features.map((feature) => feature.name) },
      metrics,
      logger,
    }),
    explainer: new Explainer({ client, modelName: config.MODEL_NAME, metrics, logger }),
    producer,
    policy: () => policies.current,
    ...(scorecards === undefined ? {} : { scorecard: () => scorecards.current }),
    scoringWaitMsMax: config.SCORING_WAIT_MS_MAX,
    contributionsWaitMsMax: config.CONTRIBUTIONS_WAIT_MS_MAX,
    metrics,
    logger,
  });
  const consumer = await kafka.consume({
    group: DECISIONS_GROUP,
    observer: consumerMetrics(DECISIONS_GROUP),
    topics: [TOPICS.features.name],
    recordsPerBatchMax: PAYMENTS_TOGETHER_MAX,
    handle: (batch) => decider.handle(batch),
    onStop: (error) => logger.fatal({ code: error.code }, `decisions takes no more payments: ${error.message}`),
  });
  return startService({
    name: "decisions",
    ...httpPort(config),
    logger,
    module: DecisionsModule,
    readiness: {
      kafka: consumerCheck(consumer, `It is no live reader of the topic ${TOPICS.features.name}.`),
      async redis() {
        await redis.ping();
      },
    },
    shutdown: [
      { name: "consumer", run: () => consumer.close() },
      { name: "producer", run: () => producer.close() },
      { name: "scoring", run: async () => client.close() },
      { name: "redis", run: async () => redis.disconnect() },
      { name: "policy", run: async () => policies.close() },
      { name: "scorecard", run: async () => scorecards?.close() },
    ],
  });
}

function followPolicy(file: string, logger: Logger, metrics: DecisionMetrics): Promise<PolicyWatch> {
  return watchPolicy({
    file,
    spec: currentFeatureSpec(),
    onReload(policy) {
      metrics.policyReloaded(true);
      logger.info({ policy_version: policy.version }, "a new policy is in force");
    },
    onRefused(error) {
      metrics.policyReloaded(false);
      logger.error({ code: error.code, faults: error.message.split("\n") }, "the policy file was refused");
    },
  });
}

async function followScorecard(
  file: string | undefined,
  logger: Logger,
  metrics: DecisionMetrics,
): Promise<FileWatch<Scorecard> | undefined> {
  if (file === undefined) return undefined;
  return watchFile({
    file,
    what: "scorecard",
    parse: (text, name) => parseScorecard(text, currentFeatureSpec(), name),
    onReload({ version }) {
      metrics.scorecardReloaded(true);
      logger.info({ scorecard_version: version }, "a new scorecard is in force");
    },
    onRefused(error) {
      metrics.scorecardReloaded(false);
      logger.error({ code: error.code, faults: error.message.split("\n") }, "the scorecard file was refused");
    },
  });
}

/** @throws TriplineError `config-invalid` where a file cannot be read */
export function scoringCredentials(config: DecisionsConfig): ChannelCredentials {
  if (!config.SCORING_TLS) return credentials.createInsecure();
  const { SCORING_CA_FILE: ca, SCORING_CERT_FILE: certificate, SCORING_KEY_FILE: key } = config;
  const pem = (variable: string, path: string | undefined, kind: "CERTIFICATE" | "PRIVATE KEY"): Buffer | null =>
    path === undefined ? null : Buffer.from(readPem(variable, path, kind));
  return credentials.createSsl(
    pem("SCORING_CA_FILE", ca, "CERTIFICATE"),
    pem("SCORING_KEY_FILE", key, "PRIVATE KEY"),
    pem("SCORING_CERT_FILE", certificate, "CERTIFICATE"),
  );
}
