import { tmpdir } from "node:os";
import { asTriplineError } from "@tripline/contracts/error-table";
import { openDisk } from "@tripline/lake/log/open-disk";
import { removeAbandoned } from "@tripline/lake/log/own-folder";
import { newestSnapshotAtMs } from "@tripline/lake/snapshot/lake-snapshots";
import { readConfig } from "@tripline/settings/read-config";
import { createLogger } from "@tripline/telemetry/logger";
import { runSnapshot, SCRATCH } from "../run-snapshot.js";
import { snapshotWorkerConfig } from "../snapshot-config.js";
import { SnapshotWorker } from "../snapshot-worker.js";

/** `node apps/features/dist/snapshot/worker/main.js` takes snapshots of the window states at an interval, until SIGTERM. */

const EXIT_CONFIG = 78;
const EXIT_FAILURE = 1;

const ending = new AbortController();
const end = () => ending.abort();
process.once("SIGTERM", end);
process.once("SIGINT", end);
// The supervisor of a local system holds the other end: if it is killed, this process ends as well.
if (process.env.EXIT_WITH_PARENT === "1") process.stdin.resume().once("end", end).once("error", end);

const log = createLogger("snapshots", process.env.LOG_LEVEL ?? "info");
try {
  const config = readConfig(snapshotWorkerConfig, process.env);
  await removeAbandoned(tmpdir(), SCRATCH);
  const disk = await openDisk(config.LAKE_URL);
  const worker = new SnapshotWorker({
    intervalHours: config.SNAPSHOT_INTERVAL_HOURS,
    log,
    newestAtMs: () => newestSnapshotAtMs(disk, config.LAKE_URL),
    run: (signal) =>
      runSnapshot(
        { disk, lake: config.LAKE_URL, memoryGib: config.STATE_MEMORY_GIB, environment: process.env },
        signal,
      ),
  });
  await worker.follow(ending.signal);
  process.exit(0);
} catch (thrown) {
  const { code, message, row } = asTriplineError(thrown);
  log.fatal({ code }, message);
  process.exit(row.kafka === "stop" ? EXIT_CONFIG : EXIT_FAILURE);
}
