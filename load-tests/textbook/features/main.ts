import { readConfig } from "@tripline/settings/read-config";
import { Redis } from "ioredis";
import { connectProducer, consumeEach } from "../connect-kafka.js";
import type { FeaturesMessage, TransactionMessage } from "../messages.js";
import { TOPICS } from "../messages.js";
import { workerSettings } from "../read-settings.js";
import { serveHealth } from "../serve-health.js";
import { entitiesOf, WindowFeatures } from "./window-features.js";

/** Computes windows from sorted sets with one pipeline per message, and sends each vector with one `producer.send`. */

const settings = readConfig(workerSettings, process.env);
const redis = new Redis(settings.REDIS_URL);
const producer = await connectProducer(settings.KAFKA_BROKERS, "textbook-features");
const windows = new WindowFeatures();

await consumeEach(settings.KAFKA_BROKERS, "textbook-features", TOPICS.transactions, async (value) => {
  const transaction: TransactionMessage = JSON.parse(value);
  const entities = entitiesOf(transaction);
  const pipeline = redis.pipeline();
  for (const entity of entities) windows.addCommands(pipeline, entity, transaction);
  const replies = (await pipeline.exec()) ?? [];
  const message: FeaturesMessage = { transaction, values: windows.compute(entities, replies, transaction) };
  await producer.send({
    topic: TOPICS.features,
    messages: [{ key: transaction.cardToken, value: JSON.stringify(message) }],
  });
});
serveHealth(settings);
