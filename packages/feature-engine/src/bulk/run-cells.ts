import { addLabel, noRun } from "../state/fraud-run.js";
import type { EntityColumns } from "./entity-columns.js";
import { RUN } from "./record-layout.js";
import type { RecordPlace } from "./ring-cells.js";

/** Labels of one entity, in the order in which they were reported. */
interface LabelRows {
  readonly occurredAtMs: Float64Array;
  readonly frauds: Float64Array;
  /** Rows in their block. */
  readonly rows: Int32Array;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

const run = noRun();

/**
 * Folds the labels of one entity into its run of frauds, and writes what was known before each of its payments.
 *
 * @param explained by row of the block: 1 where a fraud is explained; undefined where nothing explains frauds
 * @param columns whose `labelsBefore` says how many of the labels had been reported
 */
export function foldRun(
  { cells, cell }: RecordPlace,
  labels: LabelRows,
  known: Span,
  columns: EntityColumns,
  paid: Span,
  explained: Uint8Array | undefined,
): void {
  run.genuineMs = cells[cell + RUN] ?? 0;
  run.beganMs = cells[cell + RUN + 1] ?? 0;
  run.count = cells[cell + RUN + 2] ?? 0;
  let label = known.start;
  const takeUp = (end: number): void => {
    for (; label < end; label += 1) {
      const isExplained = explained?.[labels.rows[label] ?? 0] === 1;
      addLabel(run, labels.occurredAtMs[label] ?? 0, labels.frauds[label] === 1, isExplained);
    }
  };
  for (let at = paid.start; at < paid.end; at += 1) {
    takeUp(known.start + (columns.labelsBefore[at] ?? 0));
    columns.genuineMs[at] = run.genuineMs;
    columns.runBeganMs[at] = run.beganMs;
    columns.runCount[at] = run.count;
  }
  takeUp(known.end);
  cells[cell + RUN] = run.genuineMs;
  cells[cell + RUN + 1] = run.beganMs;
  cells[cell + RUN + 2] = run.count;
}
