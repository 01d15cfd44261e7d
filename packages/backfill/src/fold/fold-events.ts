import type { DuckDBInstance } from "@duckdb/node-api";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { hashId } from "@tripline/feature-engine/state/recent-ids";
import type { EventPosition } from "../input/event-reader.js";
import { EventReader } from "../input/event-reader.js";
import type { PreparedEvents } from "../input/prepare-events.js";
import { readCheckpoint, snapshotEntries, writeCheckpoint } from "../states/checkpoint.js";
import type { BlockFill, BlockShape } from "./event-block.js";
import { blockBytes, viewBlock } from "./event-block.js";
import type { Part } from "./part-writer.js";
import { PartWriter } from "./part-writer.js";
import type { WorkerPool } from "./worker-pool.js";
import { workersFor } from "./worker-pool.js";

export interface FoldOptions {
  readonly engine: FeatureEngine;
  readonly tenant: string;
  readonly database: DuckDBInstance;
  /** The work folder. */
  readonly directory: string;
  readonly events: PreparedEvents;
  /** Workers that have no state yet. */
  readonly pool: WorkerPool;
  readonly tuning: FoldTuning;
  readonly onProgress: (doneEvents: number) => void;
}

export interface FoldTuning {
  /** Payments per block. Changing this number can change the exact bytes of the output. */
  readonly blockPayments: number;
  /** Interval between checkpoints, in milliseconds. */
  readonly checkpointMs: number;
  /** Threads that fold. Default: one per core. */
  readonly workers?: number;
}

/**
 * Writes the features of all events to one Parquet file, starting from the last checkpoint if there is one. When it
 * returns, the workers' memory contains the states after the last event.
 *
 * While the workers fold one block, the next one is read and earlier ones are written. Apart from the states, memory is
 * bounded by the blocks in progress.
 */
export async function foldEvents(options: FoldOptions, outputPath: string): Promise<void> {
  const { engine, database, directory, events, pool, tuning } = options;
  const begun = await readCheckpoint(directory);
  const from = begun?.position ?? { payments: 0, labels: 0 };
  const shape: BlockShape = {
    paymentsMax: tuning.blockPayments,
    labelsMax: tuning.blockPayments * 2,
    entities: engine.entities.length,
    features: engine.spec.features.length,
    profiles: engine.profiles.map(({ columns }) => columns.length),
    filters: engine.filters.length,
    categories: engine.categories.length,
  };
  const shares = tuning.workers ?? workersFor(events.payments + events.labels);
  // Writing a block takes about as long as folding it; the other two slots are for a block that is being folded and one
  // that is being read.
  const writers = Math.min(shares + 1, WRITERS_MAX);
  const slots = Array.from({ length: writers + 2 }, () => new SharedArrayBuffer(blockBytes(shape)));
  await pool.begin({ spec: engine.spec, shares, ...identify(engine, events), shape, slots });
  const connections = [await database.connect(), await database.connect()] as const;
  // Each query here runs on one thread; additional threads would be idle and only spin.
  await connections[0].run("SET threads = 1");
  const blocks = slots.map((memory) => viewBlock(shape, memory));
  const features = blocks.map((block) => block.features);
  const names = engine.spec.features.map((feature) => feature.name);
  const writer = await PartWriter.open({ database, directory, names, features, writers });
  try {
    if (begun !== undefined) await pool.restore(`${directory}/${begun.states}`);
    const reader = await EventReader.open(connections, events, engine, from);
    const pipeline = new Pipeline(options, writer, begun?.parts ?? [], from);
    for (;;) {
      const slot = await pipeline.freeSlot(blocks.length);
      const block = blocks[slot];
      const start = reader.position;
      const fill = block === undefined ? undefined : await reader.fill(block, shape);
      if (fill === undefined || fill.payments + fill.labels === 0) break;
      pipeline.push(slot, start, fill);
      if (pipeline.checkpointIsDue()) pipeline.checkpoint(reader.position);
    }
    await writer.join(await pipeline.end(), outputPath);
  } finally {
    writer.close();
    for (const connection of connections) connection.closeSync();
  }
}

/** The number of entities of each kind, and the hashes that identify them as partners. */
function identify(engine: FeatureEngine, { ids }: PreparedEvents): { counts: number[]; hashes: Uint32Array[] } {
  const partners = new Set(engine.entities.map((plan) => plan.partnerEntity));
  const hash = { high: 0, low: 0 };
  const hashes = ids.map((names, entity) => {
    const known = partners.has(entity) ? names : [];
    const column = new Uint32Array(new SharedArrayBuffer(known.length * 4));
    for (const [number, id] of known.entries()) {
      hashId(id, hash);
      column[number] = hash.high;
    }
    return column;
  });
  return { counts: ids.map((names) => names.length), hashes };
}

/** DuckDB runs in Node's thread pool, which has four threads. */
const WRITERS_MAX = 4;

/** Blocks in progress. Each block is folded, then written; then its slot is free again. */
class Pipeline {
  private readonly busy = new Map<number, Promise<void>>();
  private readonly parts: Part[];
  private started: number;
  private failure: unknown;
  private checkpointing: Promise<void> | undefined;
  private checkpointAt = performance.now();
  private done: number;

  constructor(
    private readonly options: FoldOptions,
    private readonly writer: PartWriter,
    parts: readonly Part[],
    from: EventPosition,
  ) {
    this.parts = [...parts];
    this.started = parts.length;
    this.done = from.payments + from.labels;
    options.onProgress(this.done);
  }

  /** Waits until one of `slots` is free. @throws the error of any failed block */
  async freeSlot(slots: number): Promise<number> {
    while (this.busy.size === slots && this.failure === undefined) await Promise.race(this.busy.values());
    if (this.failure !== undefined) throw this.failure;
    for (let slot = 0; slot < slots; slot += 1) if (!this.busy.has(slot)) return slot;
    return 0;
  }

  push(slot: number, start: EventPosition, fill: BlockFill): void {
    const index = this.started;
    const work = async (): Promise<void> => {
      await this.options.pool.fold(slot, fill);
      if (fill.payments > 0) this.parts[index] = await this.writer.write(index, slot, start.payments, fill.payments);
      this.done += fill.payments + fill.labels;
      this.options.onProgress(this.done);
    };
    const settled = work()
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.busy.delete(slot));
    this.busy.set(slot, settled);
    if (fill.payments > 0) this.started += 1;
  }

  checkpointIsDue(): boolean {
    const passedMs = performance.now() - this.checkpointAt;
    return this.checkpointing === undefined && passedMs >= this.options.tuning.checkpointMs;
  }

  /** Saves a checkpoint once all blocks pushed so far are done. Later blocks do not wait for it. */
  checkpoint(position: EventPosition): void {
    const parts = this.started;
    const before = [...this.busy.values()];
    const keep = async (): Promise<void> => {
      const { engine, tenant, events, directory, pool } = this.options;
      const [states] = await Promise.all([pool.states(), ...before]);
      if (this.failure !== undefined) return;
      const count = events.ids.reduce((sum, ids) => sum + ids.length, 0);
      const progress = { position, parts: this.parts.slice(0, parts) };
      const entries = { count, states: snapshotEntries(engine, tenant, events.ids, states) };
      await writeCheckpoint(directory, engine, progress, entries);
      this.checkpointAt = performance.now();
    };
    this.checkpointing = keep()
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => {
        this.checkpointing = undefined;
      });
  }

  /** Waits until all blocks are done. @returns the number of parts @throws the error of any failed block */
  async end(): Promise<number> {
    await Promise.all([...this.busy.values(), this.checkpointing]);
    if (this.failure !== undefined) throw this.failure;
    return this.started;
  }
}
