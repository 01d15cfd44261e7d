import { constants, setPriority } from "node:os";
import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { readErasures } from "@tripline/kafka/read-erasures";
import { openDisk } from "@tripline/lake/log/open-disk";
import { noteSnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import { kafkaConnection } from "@tripline/settings/kafka-connection";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { stateTtlSeconds } from "../config.js";
import { progressPrinter } from "../rebuild/print-progress.js";
import { readMark } from "../restore/find-loss.js";
import { GIB } from "./slices-for.js";
import type { SnapshotConfig } from "./snapshot-config.js";
import { snapshotConfig } from "./snapshot-config.js";
import { snapshotLine } from "./snapshot-schedule.js";
import type { TakenSnapshot } from "./take-snapshot.js";
import { takeSnapshot } from "./take-snapshot.js";

/** Started by `tripline snapshot-state` and by the worker, because only this service knows the layout of its states. */

const DAY_MS = 86_400_000;

async function take(config: SnapshotConfig): Promise<TakenSnapshot> {
  const engine = compileEngine(currentFeatureSpec());
  const kafka = connectKafka({ ...kafkaConnection(config), clientId: "snapshot-state" });
  const redis = connectRedis(config);
  const progress = progressPrinter(process.stdout);
  try {
    await awaitRedis(redis);
    return await takeSnapshot({
      engine,
      lake: config.LAKE_URL,
      stateTtlSeconds: stateTtlSeconds(config, engine),
      memoryBytes: config.STATE_MEMORY_GIB * GIB,
      retention: { kept: config.SNAPSHOTS_KEPT, ageMsMax: config.SNAPSHOT_DAYS * DAY_MS },
      readMark: () => readMark(redis, completeKey(engine.entities)),
      erasures: () => readErasures(kafka, "snapshots-erasures"),
      onNote: (sentence) => process.stderr.write(`${sentence}\n`),
      onEvents: (events) => progress("fold the lake", events),
      onSlice: (done, total) => progress("fold the slices", done, total),
      ...(config.STATE_FILE === undefined ? {} : { statePath: config.STATE_FILE }),
    });
  } finally {
    progress.end();
    redis.disconnect();
  }
}

/**
 * The archive service shows the result. If the lake cannot be written to, there is no snapshot either, and that error
 * is reported.
 */
async function note({ LAKE_URL: lake }: SnapshotConfig, startedAtMs: number, result: TakenSnapshot | string) {
  const failure = typeof result === "string" ? result : null;
  const { states, events } = typeof result === "string" ? { states: 0, events: 0 } : result;
  const ended = { ended_at: new Date().toISOString(), took_ms: Date.now() - startedAtMs };
  await openDisk(lake)
    .then((disk) => noteSnapshotRun(disk, lake, { ...ended, states, events, failure }))
    .catch(() => {});
}

async function run(config: SnapshotConfig): Promise<TakenSnapshot> {
  const startedAtMs = Date.now();
  try {
    const taken = await take(config);
    await note(config, startedAtMs, taken);
    return taken;
  } catch (thrown) {
    await note(config, startedAtMs, asTriplineError(thrown).message);
    throw thrown;
  }
}

// Nobody waits for a snapshot. The worker itself has normal priority, because payments may wait for a restore.
setPriority(constants.priority.PRIORITY_LOW);
// The other end belongs to the worker: if the worker is killed, this process ends as well.
if (process.env.EXIT_WITH_PARENT === "1") {
  process.stdin
    .resume()
    .once("end", () => process.exit(1))
    .unref();
}
try {
  process.stdout.write(`${snapshotLine(await run(readConfig(snapshotConfig, process.env)))}\n`);
} catch (thrown) {
  process.stderr.write(`${asTriplineError(thrown).message}\n`);
  process.exitCode = 1;
}
