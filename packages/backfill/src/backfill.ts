import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { ProfilePlan } from "@tripline/feature-engine/profiles";
import { memoryBytes } from "@tripline/lake/database-memory";
import type { FoldTuning } from "./fold/fold-events.js";
import { foldEvents } from "./fold/fold-events.js";
import { WorkerPool } from "./fold/worker-pool.js";
import type { PreparedEvents } from "./input/prepare-events.js";
import { prepareEvents, readPrepared } from "./input/prepare-events.js";
import { writeProfiles } from "./input/prepare-profiles.js";
import type { TransactionsSource } from "./input/transactions-source.js";
import { fieldsOf } from "./input/used-fields.js";
import type { WorkFolder } from "./input/work-folder.js";
import { fingerprintOf, isPrepared, openWorkFolder } from "./input/work-folder.js";
import { writeStates } from "./states/write-states.js";

export interface BackfillOptions {
  readonly spec: FeatureSpec;
  readonly source: TransactionsSource;
  readonly tenant: string;
  /** Parquet file with one row per payment, with its features. */
  readonly outputPath: string;
  /** File for the window state after the last event. */
  readonly statePath?: string;
  /** Folder for the source tables of Feast's profile views. */
  readonly profilesPath?: string;
  /** Events at or after this time, in milliseconds since the epoch, are excluded. */
  readonly untilMs?: number;
  /** Number of events (payments and labels), including those processed by an earlier, interrupted run. */
  readonly onProgress?: (progress: BackfillProgress) => void;
  readonly tuning?: Partial<FoldTuning>;
}

export interface BackfillProgress {
  readonly doneEvents: number;
  readonly totalEvents: number;
}

export interface BackfillResult {
  readonly rows: number;
  readonly labels: number;
  /** Number of entities of each kind, by its name in the spec. */
  readonly entities: Readonly<Record<string, number>>;
  /** Events that an earlier, interrupted run processed; this run resumed after them. */
  readonly resumedEvents: number;
}

/**
 * The size of a DuckDB row group. Larger blocks fold faster; smaller ones use less memory and leave less to write at
 * the end.
 */
const BLOCK_PAYMENTS_MAX = 122_880;
const BLOCK_PAYMENTS_MIN = 4_096;
/** Share of this process's memory for all blocks in progress, on a machine with few cores. */
const BLOCKS_SHARE = 1 / 8;
const BLOCKS_UNDER_WAY = 6;
const DOUBLE_BYTES = 8;
const CHECKPOINT_MS_DEFAULT = 15_000;

/**
 * Computes the features of past payments on all cores. Events are processed in time order. If times are equal,
 * labels come before payments; payments are ordered by client transaction id, and labels in the order of their
 * payments. Memory is bounded by the number of entities. Each output file appears complete or not at all.
 *
 * An interrupted backfill leaves `<output>.work`. The same backfill, started again, resumes from the last checkpoint
 * and produces byte-identical files.
 *
 * @throws TriplineError `invalid-field` if the source cannot be read or a row is not a payment; `state-conflict` while
 *   another backfill writes to the same output.
 */
export async function backfill(options: BackfillOptions): Promise<BackfillResult> {
  const { spec, outputPath, statePath, profilesPath, tenant } = options;
  const engine = compileEngine(spec);
  const { profiles } = engine;
  const blockPayments = blockPaymentsFor(memoryBytes(), spec.features.length);
  const tuning = { blockPayments, checkpointMs: CHECKPOINT_MS_DEFAULT, ...options.tuning };
  const work = await openWorkFolder(outputPath, await identify(options, tuning));
  const { database, path: directory } = work;
  const pool = new WorkerPool();
  let events: PreparedEvents;
  let resumedEvents: number | undefined;
  try {
    const fields = fieldsOf(engine);
    events = await prepare(work, { ...options, entities: engine.entities, profiles, fields });
    const totalEvents = events.payments + events.labels;
    const onProgress = (doneEvents: number) => {
      resumedEvents ??= doneEvents;
      options.onProgress?.({ doneEvents, totalEvents });
    };
    const merged = join(directory, "merged.parquet");
    await foldEvents({ engine, tenant, database, directory, events, pool, tuning, onProgress }, merged);
    await rename(merged, outputPath);
    if (statePath !== undefined) await writeStates(statePath, { engine, tenant, database, events, pool });
    if (profilesPath !== undefined) await exportProfiles(work, profiles, profilesPath);
    await rm(directory, { recursive: true, force: true });
  } finally {
    await pool.close();
    work.close();
  }
  const entities = engine.entities.map(({ name }, entity) => [name, events.ids[entity]?.length ?? 0]);
  return {
    rows: events.payments,
    labels: events.labels,
    entities: Object.fromEntries(entities),
    resumedEvents: resumedEvents ?? 0,
  };
}

/** Payments per block: a power of two, or the maximum. The exact bytes of the output depend on it. */
export function blockPaymentsFor(memory: number, features: number): number {
  const fitting = (memory * BLOCKS_SHARE) / (BLOCKS_UNDER_WAY * features * DOUBLE_BYTES);
  if (fitting >= BLOCK_PAYMENTS_MAX) return BLOCK_PAYMENTS_MAX;
  return Math.max(BLOCK_PAYMENTS_MIN, 2 ** Math.floor(Math.log2(fitting)));
}

/** Everything that affects the result, so that an interrupted backfill is resumed only by an identical one. */
async function identify(options: BackfillOptions, tuning: FoldTuning): Promise<string> {
  const { source, spec, tenant, untilMs } = options;
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const version = await connection.runAndReadAll("SELECT version()");
    // Without an identity, an unchanged input cannot be recognised, so the current time makes each backfill unique.
    const input = (await source.identity?.(connection)) ?? [`${Date.now()} ${performance.now()}`];
    const own = [JSON.stringify(spec), tenant, `${untilMs}`, `${tuning.blockPayments}`];
    return fingerprintOf([...own, String(version.getRows()[0]?.[0]), ...input]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function exportProfiles(
  { database }: WorkFolder,
  profiles: readonly ProfilePlan[],
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const connection = await database.connect();
  try {
    await writeProfiles(connection, profiles, folder);
  } finally {
    connection.closeSync();
  }
}

async function prepare(
  { database, path }: WorkFolder,
  options: Parameters<typeof prepareEvents>[1],
): Promise<PreparedEvents> {
  const connection = await database.connect();
  try {
    if (!(await isPrepared(database))) await prepareEvents(connection, options);
    return await readPrepared(
      connection,
      options.entities.map(({ key }) => key),
      options.fields,
    );
  } catch (error) {
    // Without an input identity, no backfill can be resumed.
    if (error instanceof TriplineError) await rm(path, { recursive: true, force: true });
    throw error;
  } finally {
    connection.closeSync();
  }
}
