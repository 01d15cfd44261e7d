import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { databaseMemory } from "@tripline/lake/database-memory";
import { stagedDayPrefix } from "@tripline/lake/lake-layout";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { lakeUnavailable } from "@tripline/lake/log/lake-disk";
import { listFiles } from "@tripline/lake/log/list-files";
import { openDisk } from "@tripline/lake/log/open-disk";
import { TopicLog } from "@tripline/lake/log/topic-log";
import { filesTable } from "@tripline/lake/read/read-rows";
import { sqlText } from "@tripline/lake/sql-text";
import { PARQUET } from "./staged-writer.js";

export interface Compaction {
  /** Files before; 0 or 1 means that there was nothing to do. */
  readonly files: number;
  readonly rows: number;
}

/**
 * Merges the files of one day into one. It can run while archive writes and be killed at any point: the rows are then
 * either unchanged or merged. Late events create new files. Readers must list the day again.
 *
 * @param day UTC, `YYYY-MM-DD`
 * @throws TriplineError as `listFiles` does; `lake-unavailable`; `state-conflict` if another compaction of the day
 * finished first
 */
export async function compactDay(lake: string, topic: string, day: string, given?: LakeDisk): Promise<Compaction> {
  const disk = given ?? (await openDisk(lake));
  // First, so that nothing is created in a folder that is not a lake.
  await listFiles(lake, topic, [day], disk);
  const log = new TopicLog({ disk, lake, topic });
  await log.refresh();
  const { files } = await listFiles(lake, topic, [day], disk);
  const [first] = files;
  if (first === undefined || files.length === 1) return { files: files.length, rows: 0 };
  const id = randomBytes(8).toString("hex");
  const prefix = stagedDayPrefix(day, first.sequence, id);
  const staged = `${prefix}.staged`;
  const rows = await mergeFiles(
    files.map(({ path }) => path),
    log.stagedPath(staged),
    disk,
  );
  const isAdded = await log.append({
    id,
    prefix,
    ranges: new Map(),
    files: [{ day, staged, rows }],
    replaces: files.map(({ sequence }) => ({ day, sequence })),
  });
  if (isAdded) return { files: files.length, rows };
  throw changedMeanwhile();
}

function changedMeanwhile(): TriplineError {
  return new TriplineError("state-conflict", "The files of that day were changed meanwhile. Run it again.");
}

/** @returns how many rows they have; nothing is left behind when it fails */
async function mergeFiles(paths: readonly string[], target: string, disk: LakeDisk): Promise<number> {
  const held = await disk.hold(paths);
  if (held === undefined) throw changedMeanwhile();
  try {
    let rows = 0;
    await disk.produce(target, async (local) => {
      rows = await mergeInto(local, held.paths);
    });
    return rows;
  } finally {
    await held.release();
  }
}

async function mergeInto(target: string, paths: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-compact-"));
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: databaseMemory(), temp_directory: folder });
  const connection = await instance.connect();
  try {
    const sorted = `SELECT * FROM ${filesTable(paths)} ORDER BY kafka_partition, kafka_offset`;
    const { rowsChanged } = await connection.run(`COPY (${sorted}) TO ${sqlText(target)} ${PARQUET}`);
    const counted = await connection.runAndReadAll(`SELECT count(*) FROM ${filesTable(paths)}`);
    const before = Number(counted.value(0, 0));
    if (before !== rowsChanged) throw new Error(`${rowsChanged} of ${before} rows were written`);
    return before;
  } catch (thrown) {
    throw thrown instanceof TriplineError ? thrown : lakeUnavailable("The files cannot be merged", thrown);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}
