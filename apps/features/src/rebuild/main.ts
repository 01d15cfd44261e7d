import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { readOrigins } from "@tripline/kafka/dead-letters/read-origins";
import { readErasures } from "@tripline/kafka/read-erasures";
import { kafkaConnection } from "@tripline/settings/kafka-connection";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { stateTtlSeconds } from "../config.js";
import { openProfileEraser } from "../erasures/profile-eraser.js";
import { ScanEraser } from "../erasures/scan-eraser.js";
import { scanOnce } from "../erasures/scan-keys.js";
import { ProgressPublisher } from "../restore/progress-publisher.js";
import { GIB } from "../snapshot/slices-for.js";
import { progressPrinter, rebuildLines } from "./print-progress.js";
import type { RebuildConfig } from "./rebuild-config.js";
import { rebuildConfig } from "./rebuild-config.js";
import type { RebuildOptions, RebuildReport } from "./rebuild-state.js";
import { rebuildState } from "./rebuild-state.js";

/**
 * Started by `tripline rebuild-state` and, when Redis has lost the states, by the worker, because only this service knows
 * the layout of its Redis data.
 */

async function rebuild(config: RebuildConfig): Promise<RebuildReport> {
  const engine = compileEngine(currentFeatureSpec());
  const ttlSeconds = stateTtlSeconds(config, engine);
  const topicPrefix = config.KAFKA_TOPIC_PREFIX;
  const kafka = connectKafka({ ...kafkaConnection(config), clientId: "rebuild-state" });
  const admin = await kafka.admin();
  const redis = connectRedis(config);
  const holding = connectRedis(config);
  const printer = progressPrinter(process.stdout);
  const publisher = new ProgressPublisher(holding);
  const isAutomatic = config.AUTOMATIC === "1";
  try {
    await Promise.all([redis, holding].map((connection) => awaitRedis(connection)));
    const profiles = openProfileEraser(redis, engine, config);
    // The states are always replaced; rows of Feast are not.
    const others = new ScanEraser(engine, scanOnce(redis), { empty: async () => {} }, profiles);
    const options: RebuildOptions = {
      engine,
      admin,
      redis,
      holding,
      topicPrefix,
      lake: config.LAKE_URL,
      stateTtlSeconds: ttlSeconds,
      waitMs: config.ARCHIVE_WAIT_SECONDS * 1000,
      erasures: () => readErasures(kafka, isAutomatic ? "snapshots-erasures" : "features-rebuild-erasures"),
      origins: (topic) => readOrigins(kafka, topic),
      profiles,
      others,
      isPartial: config.PARTIAL === "1",
      isAutomatic,
      isFromScratch: config.FROM_SCRATCH === "1",
      memoryBytes: config.STATE_MEMORY_GIB * GIB,
      workers: config.STATE_WORKERS,
      onNote: (sentence) => process.stderr.write(`${sentence}\n`),
      onProgress(...step) {
        printer(...step);
        publisher.publish(...step);
      },
      ...(config.STATE_FILE === undefined ? {} : { statePath: config.STATE_FILE }),
    };
    return await publisher.during(isAutomatic, () => rebuildState(options));
  } finally {
    printer.end();
    redis.disconnect();
    holding.disconnect();
    await admin.close();
  }
}

// The other end belongs to the worker: if the worker is killed, this process ends as well.
if (process.env.EXIT_WITH_PARENT === "1") {
  process.stdin
    .resume()
    .once("end", () => process.exit(1))
    .unref();
}
try {
  const config = readConfig(rebuildConfig, process.env);
  process.stdout.write(`${rebuildLines(await rebuild(config)).join("\n")}\n`);
} catch (thrown) {
  process.stderr.write(`${asTriplineError(thrown).message}\n`);
  process.exitCode = 1;
}
