import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { REDIS_PATIENCE_MS } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { AttemptStore } from "../deciding/attempt-store.js";
import { CrashGuard } from "../deciding/crash-guard.js";
import { batchDecider, NO_SCORING } from "./decider.js";

/** Input of the process on standard input. */
export const order = z.object({
  brokers: z.array(z.string()),
  topicPrefix: z.string(),
  redisUrl: z.string(),
  /** The process kills itself while it decides a payment of this amount. */
  deadlyMinor: z.number(),
  records: z.array(
    z.object({
      offset: z.number(),
      key: z.string(),
      value: z.base64(),
      headers: z.record(z.string(), z.string()),
      timestampMs: z.number(),
    }),
  ),
});
export type Order = z.infer<typeof order>;

/** Decides one batch of one partition and exits, unless the batch kills it first. */
const { brokers, topicPrefix, redisUrl, deadlyMinor, records } = order.parse(JSON.parse(await text(process.stdin)));
const spec = currentFeatureSpec();
const policy = parsePolicy(await readFile(new URL("../../policy.yaml", import.meta.url), "utf8"), spec);
const redis = connectRedis(redisUrl, undefined, REDIS_PATIENCE_MS);
await awaitRedis(redis);
const producer = await connectKafka({ brokers, topicPrefix, clientId: "test" }).producer();
const logger = createLogger("test", "silent");
const decider = batchDecider({
  redis,
  client: NO_SCORING,
  producer,
  policy,
  hits({ amountMinor }) {
    if (amountMinor === deadlyMinor) process.kill(process.pid, "SIGKILL");
    return [];
  },
  scoringWaitMsMax: 0,
  contributionsWaitMsMax: 0,
});
const guard = new CrashGuard(new AttemptStore(redis, { KAFKA_TOPIC_PREFIX: topicPrefix }), decider, logger);
const topic = TOPICS.features.name;
const { finished } = await guard.handle([
  {
    topic,
    partition: 0,
    records: records.map((record) => ({ ...record, topic, partition: 0, value: Buffer.from(record.value, "base64") })),
  },
]);
await finished;
await producer.close();
redis.disconnect();
