import { credentials } from "@grpc/grpc-js";
import { GRPCInferenceServiceClient } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { readConfig } from "@tripline/settings/read-config";
import { Redis } from "ioredis";
import { connectProducer, consumeEach } from "../connect-kafka.js";
import type { FeaturesMessage } from "../messages.js";
import { TOPICS } from "../messages.js";
import { workerSettings } from "../read-settings.js";
import { serveHealth } from "../serve-health.js";
import { decide } from "./decide.js";
import { requestScore } from "./request-score.js";

/** Makes a unary call per row, applies rules, writes to Redis and Kafka, and replies to the waiting caller. */

const DECISION_SECONDS = 259_200;

const settings = readConfig(workerSettings, process.env);
const redis = new Redis(settings.REDIS_URL, { enableAutoPipelining: true });
const producer = await connectProducer(settings.KAFKA_BROKERS, "textbook-decisions");
const scoring = new GRPCInferenceServiceClient(settings.SCORING_ADDRESS, credentials.createInsecure());

await consumeEach(settings.KAFKA_BROKERS, "textbook-decisions", TOPICS.features, async (value) => {
  const { transaction, values }: FeaturesMessage = JSON.parse(value);
  const score = await requestScore(scoring, settings.MODEL_NAME, values);
  const made = JSON.stringify(decide(transaction, values, score));
  const key = `textbook-decision:${transaction.id}`;
  const decision = (await redis.set(key, made, "EX", DECISION_SECONDS, "NX", "GET")) ?? made;
  await producer.send({ topic: TOPICS.decisions, messages: [{ key: transaction.cardToken, value: decision }] });
  await redis.publish(transaction.replyTo, decision);
});
serveHealth(settings);
