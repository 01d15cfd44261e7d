import type { UsualPlan } from "../plan-entities.js";
import { addAmount, countUnusual, largestRatio, noUsualAmount, wasUnusual } from "../state/usual-amount.js";
import type { EntityColumns } from "./entity-columns.js";
import type { RecordLayout } from "./record-layout.js";
import { USUAL } from "./record-layout.js";
import type { RecordPlace } from "./ring-cells.js";

/** Payments of one entity, in order of time. */
interface AmountRows {
  readonly atMs: Float64Array;
  readonly thousandths: Float64Array;
}

/** Labels of one entity, in the order in which they were reported, for an entity that explains frauds. */
export interface LabelRows {
  readonly occurredAtMs: Float64Array;
  /** Rows in their block. */
  readonly rows: Int32Array;
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The usual amounts of entities of one kind, an entity at a time. */
export class UsualFold {
  /** The entity at hand, as the engine has it. */
  private readonly usual = noUsualAmount();

  constructor(
    private readonly layout: RecordLayout,
    private readonly plan: UsualPlan,
    private readonly horizonMs: number,
  ) {}

  /** Folds payments, and writes what had been before each. */
  fold(place: RecordPlace, { atMs, thousandths }: AmountRows, columns: EntityColumns, paid: Span): void {
    this.#load(place);
    for (let at = paid.start; at < paid.end; at += 1) this.#count(atMs[at] ?? 0, thousandths[at] ?? 0, columns, at);
    this.#keep(place);
  }

  /**
   * As `fold`, and says of each label, when it is reported, whether the payment was unusual.
   *
   * @param explained by row of the block
   */
  judge(
    place: RecordPlace,
    { atMs, thousandths }: AmountRows,
    columns: EntityColumns,
    paid: Span,
    { occurredAtMs, rows }: LabelRows,
    known: Span,
    explained: Uint8Array,
  ): void {
    let label = known.start;
    const judge = (end: number): void => {
      for (; label < end; label += 1) {
        explained[rows[label] ?? 0] = wasUnusual(this.usual, occurredAtMs[label] ?? 0) ? 1 : 0;
      }
    };
    this.#load(place);
    for (let at = paid.start; at < paid.end; at += 1) {
      judge(known.start + (columns.labelsBefore[at] ?? 0));
      this.#count(atMs[at] ?? 0, thousandths[at] ?? 0, columns, at);
    }
    judge(known.end);
    this.#keep(place);
  }

  #count(nowMs: number, thousandths: number, columns: EntityColumns, at: number): void {
    const { usual, horizonMs } = this;
    columns.usualCount[at] = usual.count;
    columns.usualSum[at] = usual.sum;
    this.#look(nowMs, columns, at);
    addAmount(usual, nowMs, thousandths, nowMs - horizonMs);
  }

  #look(nowMs: number, { unusual, largest }: EntityColumns, at: number): void {
    const { widthsMs } = this.plan;
    for (let index = 0; index < widthsMs.length; index += 1) {
      const afterMs = nowMs - (widthsMs[index] ?? 0);
      const [counts, ratios] = [unusual[index], largest[index]];
      if (counts !== undefined) counts[at] = countUnusual(this.usual, afterMs, nowMs);
      if (ratios !== undefined) ratios[at] = largestRatio(this.usual, afterMs, nowMs);
    }
  }

  #load({ cells, marks, cell, mark }: RecordPlace): void {
    const { usual, layout } = this;
    usual.count = cells[cell + USUAL] ?? 0;
    usual.sum = cells[cell + USUAL + 1] ?? 0;
    usual.used = marks[mark + layout.unusualMark] ?? 0;
    const from = cell + layout.unusualCell;
    usual.rows.set(cells.subarray(from, from + usual.used));
  }

  #keep({ cells, marks, cell, mark }: RecordPlace): void {
    const { usual, layout } = this;
    cells[cell + USUAL] = usual.count;
    cells[cell + USUAL + 1] = usual.sum;
    marks[mark + layout.unusualMark] = usual.used;
    cells.set(usual.rows.subarray(0, usual.used), cell + layout.unusualCell);
  }
}
