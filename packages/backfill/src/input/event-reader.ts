import type { DuckDBConnection, DuckDBResult } from "@duckdb/node-api";
import { currencyDecimals } from "@tripline/contracts/currency";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { toThousandths } from "@tripline/feature-engine/feature-formulas";
import { isFound } from "@tripline/feature-engine/plan-entities";
import { readDoubles } from "../fold/data-chunk.js";
import type { BlockFill, BlockShape, SharedBlock } from "../fold/event-block.js";
import { FieldReader } from "./field-reader.js";
import type { PreparedEvents } from "./prepare-events.js";
import { numberOf } from "./prepare-events.js";
import { profileColumn } from "./prepare-profiles.js";

/** The number of payments and of labels in all earlier blocks. */
export interface EventPosition {
  readonly payments: number;
  readonly labels: number;
}

/** The reference of a payment is twice its row number in `payments`; its label's reference is one more. */
export function rowOfReference(reference: number): number {
  return Math.floor(reference / 2);
}

export function isLabelReference(reference: number): boolean {
  return reference % 2 === 1;
}

/** Reads the payments and labels that `prepareEvents` wrote, as one stream in the order in which they are processed. */
export class EventReader {
  private constructor(
    private readonly payments: ChunkReader,
    private readonly labels: ChunkReader,
    private readonly decimals: readonly number[],
    /** For each entity, whether labels reach it. */
    private readonly isLabelled: readonly boolean[],
    private readonly fields: FieldReader,
    private next: EventPosition,
  ) {}

  /** @param from the start position */
  static async open(
    connections: readonly [DuckDBConnection, DuckDBConnection],
    events: PreparedEvents,
    engine: Pick<FeatureEngine, "entities" | "profiles" | "filters" | "categories">,
    from: EventPosition,
  ): Promise<EventReader> {
    const keys = engine.entities.map((plan) => plan.key);
    const profiles = engine.profiles.flatMap(({ name, columns }) =>
      columns.map((column) => orNaN(profileColumn(name, column))),
    );
    const numbers = keys.map((key, entity) => numberOf(key, events.ids[entity] ?? []));
    const places = events.hasPlaces ? [orNaN("latitude"), orNaN("longitude")] : [undefined, undefined];
    const fields = new FieldReader(engine, events);
    const own = ["occurred_at_ms", "amount_minor", numberOf("currency", events.currencies), ...places];
    const payments = await openChunks(
      connections[0],
      [...own, ...numbers, ...profiles, ...fields.columns],
      `payments WHERE rowid >= ${from.payments}`,
    );
    const labels = await openChunks(
      connections[1],
      ["labelled_at_ms", "fraud", "payment", "occurred_at_ms", ...numbers],
      `labels WHERE rowid >= ${from.labels}`,
    );
    const decimals = events.currencies.map(currencyDecimals);
    const isLabelled = engine.entities.map((plan) => plan.isLabelled || isFound(plan));
    return new EventReader(payments, labels, decimals, isLabelled, fields, from);
  }

  /** The start of the next block. */
  get position(): EventPosition {
    return this.next;
  }

  /**
   * Fills a block with as many of the next events as fit.
   *
   * @returns the number of events; 0 at the end
   */
  async fill(block: SharedBlock, shape: BlockShape): Promise<BlockFill> {
    const { payments, labels } = this;
    const start = this.next;
    const filled = { payments: 0, labels: 0 };
    while (filled.payments < shape.paymentsMax && filled.labels < shape.labelsMax) {
      if (payments.row === payments.rows && !payments.ended) await payments.advance();
      if (labels.row === labels.rows && !labels.ended) await labels.advance();
      if (payments.ended && labels.ended) break;
      this.#fillFromChunks(block, shape, filled);
    }
    this.next = { payments: start.payments + filled.payments, labels: start.labels + filled.labels };
    return { ...filled, firstReference: start.payments * 2 };
  }

  /** Copies events until the chunk is exhausted or the block is full. */
  #fillFromChunks(block: SharedBlock, shape: BlockShape, filled: { payments: number; labels: number }): void {
    const { payments, labels } = this;
    const [paymentTimes = NO_COLUMN] = payments.columns;
    const [labelTimes = NO_COLUMN] = labels.columns;
    for (;;) {
      const paid = payments.row < payments.rows;
      const known = labels.row < labels.rows;
      if ((!paid && !payments.ended) || (!known && !labels.ended) || !(paid || known)) return;
      if (known && (!paid || (labelTimes[labels.row] ?? 0) <= (paymentTimes[payments.row] ?? 0))) {
        this.#putLabel(block, filled.labels);
        filled.labels += 1;
        if (filled.labels === shape.labelsMax) return;
      } else {
        this.#putPayment(block, filled.payments);
        filled.payments += 1;
        if (filled.payments === shape.paymentsMax) return;
      }
    }
  }

  #putPayment({ payments }: SharedBlock, at: number): void {
    const { columns, row } = this.payments;
    const [times, amounts, currencies, latitudes, longitudes] = columns;
    const amountMinor = amounts?.[row] ?? 0;
    const decimals = this.decimals[currencies?.[row] ?? 0] ?? 0;
    payments.atMs[at] = times?.[row] ?? 0;
    payments.amounts[at] = amountMinor / (POWERS[decimals] ?? 1);
    payments.thousandths[at] = toThousandths(amountMinor, decimals);
    payments.latitudes[at] = latitudes?.[row] ?? Number.NaN;
    payments.longitudes[at] = longitudes?.[row] ?? Number.NaN;
    for (let entity = 0; entity < payments.numbers.length; entity += 1) {
      const numbers = payments.numbers[entity];
      if (numbers !== undefined) numbers[at] = columns[5 + entity]?.[row] ?? -1;
    }
    let next = 5 + payments.numbers.length;
    for (const profile of payments.profiles) {
      for (const column of profile) {
        column[at] = columns[next]?.[row] ?? Number.NaN;
        next += 1;
      }
    }
    this.fields.evaluate(columns, next, row, payments, at);
    this.payments.row += 1;
  }

  #putLabel({ labels }: SharedBlock, at: number): void {
    const { columns, row } = this.labels;
    const [times, frauds, payments, occurred] = columns;
    labels.atMs[at] = times?.[row] ?? 0;
    labels.frauds[at] = frauds?.[row] ?? 0;
    labels.references[at] = (payments?.[row] ?? 0) * 2 + 1;
    labels.occurredAtMs[at] = occurred?.[row] ?? 0;
    for (let entity = 0; entity < labels.numbers.length; entity += 1) {
      const numbers = labels.numbers[entity];
      if (numbers === undefined) continue;
      numbers[at] = this.isLabelled[entity] === true ? (columns[4 + entity]?.[row] ?? -1) : -1;
    }
    this.labels.row += 1;
  }
}

const NO_COLUMN = new Float64Array(0);
/** Powers of ten by a currency's decimal places: the same numbers as `10 ** decimals`. */
const POWERS = Array.from({ length: 20 }, (_, decimals) => 10 ** decimals);

/** SQL for a number: NaN if it is unknown. */
function orNaN(column: string): string {
  return `coalesce(${column}::DOUBLE, 'nan'::DOUBLE)`;
}

/** @param columns SQL for each column; undefined for one that does not exist and is not read */
async function openChunks(
  connection: DuckDBConnection,
  columns: readonly (string | undefined)[],
  from: string,
): Promise<ChunkReader> {
  const read = columns.filter((column) => column !== undefined);
  const result = await connection.stream(`SELECT ${read.map((column) => `${column}::DOUBLE`).join(", ")} FROM ${from}`);
  const places = columns.map((column) => (column === undefined ? undefined : read.indexOf(column)));
  return new ChunkReader(result, places);
}

/** A streamed result of doubles, one chunk at a time. Columns that are not read are empty. */
class ChunkReader {
  columns: Float64Array[] = [];
  rows = 0;
  /** The next row of the chunk. */
  row = 0;
  /** Whether the current chunk and the stream are both exhausted. */
  ended = false;

  constructor(
    private readonly result: DuckDBResult,
    /** Indexes of the columns in the result. */
    private readonly places: readonly (number | undefined)[],
  ) {}

  async advance(): Promise<void> {
    const chunk = await this.result.fetchChunk();
    this.row = 0;
    this.rows = chunk?.rowCount ?? 0;
    this.ended = this.rows === 0;
    if (!chunk || this.ended) return;
    this.columns = this.places.map((place) => (place === undefined ? NO_COLUMN : readDoubles(chunk, place)));
  }
}
