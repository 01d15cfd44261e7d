import { tmpdir } from "node:os";
import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { openDisk } from "@tripline/lake/log/open-disk";
import { removeAbandoned } from "@tripline/lake/log/own-folder";
import { newestSnapshotAtMs } from "@tripline/lake/snapshot/lake-snapshots";
import { kafkaConnection } from "@tripline/settings/kafka-connection";
import { readConfig } from "@tripline/settings/read-config";
import { connectRedis } from "@tripline/stores/redis/connect-redis";
import { createLogger } from "@tripline/telemetry/logger";
import { LossFinder } from "../../restore/find-loss.js";
import { RestoreWorker } from "../../restore/restore-worker.js";
import { runRestore } from "../../restore/run-restore.js";
import { runSnapshot, SCRATCH } from "../run-snapshot.js";
import { snapshotWorkerConfig } from "../snapshot-config.js";
import { SnapshotWorker } from "../snapshot-worker.js";

/**
 * `node apps/features/dist/snapshot/worker/main.js` takes snapshots of the window states at an interval and restores the
 * states when Redis loses them, until SIGTERM.
 */

const EXIT_CONFIG = 78;
const EXIT_FAILURE = 1;

const ending = new AbortController();
const end = () => ending.abort();
process.once("SIGTERM", end);
process.once("SIGINT", end);
// The other end belongs to the supervisor of a local system: if the supervisor is killed, this process ends as well.
if (process.env.EXIT_WITH_PARENT === "1") process.stdin.resume().once("end", end).once("error", end);

const log = createLogger("snapshots", process.env.LOG_LEVEL ?? "info");
try {
  const config = readConfig(snapshotWorkerConfig, process.env);
  await removeAbandoned(tmpdir(), SCRATCH);
  const disk = await openDisk(config.LAKE_URL);
  const redis = connectRedis(config);
  const kafka = connectKafka({ ...kafkaConnection(config), clientId: "restore-state" });
  let admin: Promise<KafkaAdmin> | undefined;
  const connectAdmin = () => {
    admin ??= kafka.admin();
    admin.catch(() => {
      admin = undefined;
    });
    return admin;
  };
  const loss = new LossFinder(compileEngine(currentFeatureSpec()), redis, connectAdmin);
  const limits = { memoryGib: config.STATE_MEMORY_GIB, environment: process.env };
  const restorer = new RestoreWorker({
    log,
    isLost: () => loss.isLost(),
    run: (signal) => runRestore(limits, signal),
  });
  const worker = new SnapshotWorker({
    intervalHours: config.SNAPSHOT_INTERVAL_HOURS,
    log,
    newestAtMs: () => newestSnapshotAtMs(disk, config.LAKE_URL),
    run: (signal) =>
      restorer.whileComplete(signal, (end) => runSnapshot({ disk, lake: config.LAKE_URL, ...limits }, end)),
  });
  await Promise.all([worker.follow(ending.signal), restorer.follow(ending.signal)]);
  process.exit(0);
} catch (thrown) {
  const { code, message, row } = asTriplineError(thrown);
  log.fatal({ code }, message);
  process.exit(row.kafka === "stop" ? EXIT_CONFIG : EXIT_FAILURE);
}
