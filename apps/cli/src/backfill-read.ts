import type { DuckDBConnection, DuckDBResult } from "@duckdb/node-api";
import { currencyDecimals } from "@tripline/contracts/currency";
import type { EntityKey } from "@tripline/contracts/feature-spec";
import { toThousandths } from "@tripline/feature-engine/compile-engine";
import type { BlockFill, BlockShape, SharedBlock } from "./backfill-block.js";
import { readDoubles } from "./backfill-chunk.js";
import type { PreparedEvents } from "./backfill-prepare.js";
import { numberOf } from "./backfill-prepare.js";

/** Events before a block: all of them are in earlier ones. */
export interface EventPosition {
  readonly payments: number;
  readonly labels: number;
}

/** The reference of a payment's own event is twice its row in `payments`, that of its label one more. */
export function rowOfReference(reference: number): number {
  return Math.floor(reference / 2);
}

export function isLabelReference(reference: number): boolean {
  return reference % 2 === 1;
}

/** Reads payments and labels, as `prepareEvents` left them, as one stream in the order in which they count. */
export class EventReader {
  private constructor(
    private readonly payments: ChunkReader,
    private readonly labels: ChunkReader,
    private readonly decimals: readonly number[],
    private readonly optional: readonly boolean[],
    private next: EventPosition,
  ) {}

  /** @param from where to begin */
  static async open(
    connections: readonly [DuckDBConnection, DuckDBConnection],
    events: PreparedEvents,
    keys: readonly EntityKey[],
    from: EventPosition,
  ): Promise<EventReader> {
    const numbers = keys.map((key, entity) => `${numberOf(key, events.ids[entity] ?? [])}::DOUBLE`).join(", ");
    const payments = await connections[0].stream(`
      SELECT occurred_at_ms::DOUBLE, amount_minor::DOUBLE, ${numberOf("currency", events.currencies)}::DOUBLE,
        ${degrees("latitude")}, ${degrees("longitude")}, ${numbers}
      FROM payments WHERE rowid >= ${from.payments}`);
    const labels = await connections[1].stream(`
      SELECT labelled_at_ms::DOUBLE, fraud::DOUBLE, payment::DOUBLE, ${numbers}
      FROM labels WHERE rowid >= ${from.labels}`);
    const decimals = events.currencies.map(currencyDecimals);
    // Labels name what every payment carries; devices and addresses are known of payments alone.
    const optional = keys.map((key) => key !== "card_token" && key !== "terminal_id");
    return new EventReader(new ChunkReader(payments), new ChunkReader(labels), decimals, optional, from);
  }

  /** Where the next block begins. */
  get position(): EventPosition {
    return this.next;
  }

  /**
   * Fills a block with the next events, as many as have room.
   *
   * @returns how many there are: none at the end
   */
  async fill(block: SharedBlock, { paymentsMax, labelsMax }: BlockShape): Promise<BlockFill> {
    const { payments, labels } = this;
    const start = this.next;
    let payment = 0;
    let label = 0;
    while (payment < paymentsMax && label < labelsMax) {
      if (payments.hasMore()) await payments.advance();
      if (labels.hasMore()) await labels.advance();
      if (payments.isEmpty() && labels.isEmpty()) break;
      const labelFirst = !labels.isEmpty() && (payments.isEmpty() || labels.number(0) <= payments.number(0));
      if (labelFirst) {
        this.#putLabel(block, label);
        label += 1;
      } else {
        this.#putPayment(block, payment);
        payment += 1;
      }
    }
    this.next = { payments: start.payments + payment, labels: start.labels + label };
    return { payments: payment, labels: label, firstReference: start.payments * 2 };
  }

  #putPayment({ payments }: SharedBlock, at: number): void {
    const row = this.payments;
    const amountMinor = row.number(1);
    const decimals = this.decimals[row.number(2)] ?? 0;
    payments.atMs[at] = row.number(0);
    payments.amounts[at] = amountMinor / 10 ** decimals;
    payments.thousandths[at] = toThousandths(amountMinor, decimals);
    payments.latitudes[at] = row.number(3);
    payments.longitudes[at] = row.number(4);
    for (let entity = 0; entity < payments.numbers.length; entity += 1) {
      const numbers = payments.numbers[entity];
      if (numbers !== undefined) numbers[at] = row.number(5 + entity);
    }
    row.next();
  }

  #putLabel({ labels }: SharedBlock, at: number): void {
    const row = this.labels;
    labels.atMs[at] = row.number(0);
    labels.frauds[at] = row.number(1);
    labels.references[at] = row.number(2) * 2 + 1;
    for (let entity = 0; entity < labels.numbers.length; entity += 1) {
      const numbers = labels.numbers[entity];
      if (numbers !== undefined) numbers[at] = this.optional[entity] === true ? -1 : row.number(3 + entity);
    }
    row.next();
  }
}

/** SQL for a place's part: not a number where it is unknown. */
function degrees(column: string): string {
  return `coalesce(${column}, 'nan'::DOUBLE)`;
}

/** Rows of a streamed result of doubles, one after the other. */
class ChunkReader {
  private columns: Float64Array[] = [];
  private rows = 0;
  private row = 0;
  private ended = false;

  constructor(private readonly result: DuckDBResult) {}

  /** Whether there is no row at hand. */
  isEmpty(): boolean {
    return this.row >= this.rows;
  }

  /** Whether there is no row at hand, but `advance` may get some. */
  hasMore(): boolean {
    return this.row >= this.rows && !this.ended;
  }

  async advance(): Promise<void> {
    const chunk = await this.result.fetchChunk();
    this.row = 0;
    this.rows = chunk?.rowCount ?? 0;
    this.ended = this.rows === 0;
    if (!chunk || this.ended) return;
    this.columns = Array.from({ length: chunk.columnCount }, (_, column) => readDoubles(chunk, column));
  }

  number(column: number): number {
    return this.columns[column]?.[this.row] ?? 0;
  }

  next(): void {
    this.row += 1;
  }
}
