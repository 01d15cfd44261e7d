import type { Feature } from "@tripline/contracts/feature-spec";
import {
  daysSince,
  fraudCount,
  fraudRate,
  fraudRisk,
  isNewPair,
  labelCount,
  maxOf,
  meanOf,
  ratioToMean,
  secondsSince,
  standardDeviation,
  sumOf,
  zScore,
} from "../feature-formulas.js";
import type { EntityPlan } from "../plan-entities.js";
import { emptyAggregate } from "../state/tile-ring.js";
import type { EntityColumns } from "./entity-columns.js";
import type { WindowColumns } from "./ring-cells.js";

/**
 * One feature of `length` payments of entities of one kind, written to the rows of the payments in `out`.
 *
 * Every kind has its own loop: a loop that calls a given function would spend its time on the call.
 */
export type FeatureColumn = (columns: EntityColumns, payments: PaymentRows, length: number, out: Float64Array) => void;

/** The payments themselves, one place each. */
export interface PaymentRows {
  /** Rows in their block. */
  readonly rows: Int32Array;
  readonly atMs: Float64Array;
  readonly thousandths: Float64Array;
}

export type EntityFeature = Exclude<Extract<Feature, { entity: string }>, { kind: "profile" }>;

export function compileColumn(feature: EntityFeature, plan: EntityPlan, horizonMs: number): FeatureColumn {
  switch (feature.kind) {
    case "count":
    case "sum":
    case "mean":
    case "max":
    case "std":
    case "z_score":
    case "ratio_to_mean": {
      const index = plan.payments.windowIndex.get(feature.window) ?? -1;
      const loop = AMOUNT_LOOPS[feature.kind];
      return (columns, payments, length, out) =>
        loop(windowOf(columns.payments, index), payments, length, out, feature.default);
    }
    case "label_count":
    case "fraud_count":
    case "fraud_rate": {
      const index = plan.labels.windowIndex.get(feature.window) ?? -1;
      const loop = LABEL_LOOPS[feature.kind];
      return (columns, payments, length, out) =>
        loop(windowOf(columns.labels, index), payments, length, out, feature.default);
    }
    case "fraud_risk": {
      const index = plan.labels.windowIndex.get(feature.window) ?? -1;
      const { prior, weight } = feature;
      return (columns, payments, length, out) =>
        writeRisk(windowOf(columns.labels, index), payments, length, out, prior, weight);
    }
    case "distinct": {
      const index = plan.partners?.windowIndex.get(feature.window) ?? -1;
      return (columns, payments, length, out) =>
        writeNumbers(columns.partners[index] ?? NONE, payments.rows, length, out, 0);
    }
    case "seconds_since_last":
      return (columns, payments, length, out) =>
        writeSince(columns.lastPaymentMs, payments, length, out, horizonMs, feature.default);
    case "pair_seconds_since_last":
      return (columns, payments, length, out) =>
        writeSince(columns.pairLastMs, payments, length, out, horizonMs, feature.default);
    case "pair_is_new":
      return writeNewPairs;
    case "pair_count":
      return (columns, payments, length, out) => writeNumbers(columns.pairCount, payments.rows, length, out, 1);
    case "distance_from_home":
      return ({ homeKm }, payments, length, out) => writeDistances(homeKm, payments, length, out, feature.default);
    case "distance_from_last":
      return ({ lastKm }, payments, length, out) => writeDistances(lastKm, payments, length, out, feature.default);
    case "days_since_first_fraud":
      return (columns, payments, length, out) =>
        writeDays(columns.firstFraudMs, payments, length, out, feature.default);
    case "ratio_to_usual":
      return (columns, payments, length, out) => writeRatios(columns, payments, length, out, feature.default);
    case "unusual_count": {
      const index = plan.usual?.windowIndex.get(feature.window) ?? -1;
      return ({ unusual }, { rows }, length, out) => writeNumbers(unusual[index] ?? NONE, rows, length, out, 0);
    }
    case "unusual_max": {
      const index = plan.usual?.windowIndex.get(feature.window) ?? -1;
      return ({ largest }, { rows }, length, out) => writeNumbers(largest[index] ?? NONE, rows, length, out, 0);
    }
    case "days_since_last_genuine":
      return ({ genuineMs }, payments, length, out) => writeDays(genuineMs, payments, length, out, feature.default);
    case "days_since_run_began":
      return ({ runBeganMs }, payments, length, out) => writeDays(runBeganMs, payments, length, out, feature.default);
    case "run_count":
      return ({ runCount }, { rows }, length, out) => writeNumbers(runCount, rows, length, out, 0);
  }
}

type WindowLoop = (
  window: WindowColumns,
  payments: PaymentRows,
  length: number,
  out: Float64Array,
  none: number,
) => void;

const AMOUNT_LOOPS: Readonly<
  Record<"count" | "sum" | "mean" | "max" | "std" | "z_score" | "ratio_to_mean", WindowLoop>
> = {
  count({ count }, { rows }, length, out) {
    writeNumbers(count, rows, length, out, 1);
  },
  sum({ sum }, { rows, thousandths }, length, out) {
    for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = sumOf((sum[at] ?? 0) + (thousandths[at] ?? 0));
  },
  mean({ count, sum }, { rows, thousandths }, length, out, none) {
    for (let at = 0; at < length; at += 1) {
      out[rows[at] ?? 0] = meanOf((count[at] ?? 0) + 1, (sum[at] ?? 0) + (thousandths[at] ?? 0), none);
    }
  },
  max({ count, max }, { rows, thousandths }, length, out, none) {
    for (let at = 0; at < length; at += 1) {
      out[rows[at] ?? 0] = maxOf((count[at] ?? 0) + 1, Math.max(max[at] ?? 0, thousandths[at] ?? 0), none);
    }
  },
  std(window, { rows }, length, out, none) {
    for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = standardDeviation(pastOf(window, at), none);
  },
  z_score(window, { rows, thousandths }, length, out, none) {
    for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = zScore(thousandths[at] ?? 0, pastOf(window, at), none);
  },
  ratio_to_mean({ count, sum }, { rows, thousandths }, length, out, none) {
    for (let at = 0; at < length; at += 1) {
      out[rows[at] ?? 0] = ratioToMean(thousandths[at] ?? 0, count[at] ?? 0, sum[at] ?? 0, none);
    }
  },
};

const LABEL_LOOPS: Readonly<Record<"label_count" | "fraud_count" | "fraud_rate", WindowLoop>> = {
  label_count({ count }, { rows }, length, out, none) {
    for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = labelCount(count[at] ?? 0, none);
  },
  fraud_count({ count, sum }, { rows }, length, out, none) {
    for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = fraudCount(count[at] ?? 0, sum[at] ?? 0, none);
  },
  fraud_rate({ count, sum }, { rows }, length, out, none) {
    for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = fraudRate(count[at] ?? 0, sum[at] ?? 0, none);
  },
};

function writeRisk(
  { count, sum }: WindowColumns,
  { rows }: PaymentRows,
  length: number,
  out: Float64Array,
  prior: number,
  weight: number,
): void {
  for (let at = 0; at < length; at += 1) {
    out[rows[at] ?? 0] = fraudRisk(count[at] ?? 0, sum[at] ?? 0, prior, weight);
  }
}

function writeNumbers(numbers: Float64Array, rows: Int32Array, length: number, out: Float64Array, plus: number): void {
  for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = (numbers[at] ?? 0) + plus;
}

function writeSince(
  lastMs: Float64Array,
  { rows, atMs }: PaymentRows,
  length: number,
  out: Float64Array,
  horizonMs: number,
  none: number,
): void {
  for (let at = 0; at < length; at += 1) {
    out[rows[at] ?? 0] = secondsSince(lastMs[at] ?? 0, atMs[at] ?? 0, horizonMs, none);
  }
}

function writeNewPairs({ pairLastMs }: EntityColumns, { rows }: PaymentRows, length: number, out: Float64Array): void {
  for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = isNewPair(pairLastMs[at] ?? 0);
}

function writeDistances(
  distances: Float64Array,
  { rows }: PaymentRows,
  length: number,
  out: Float64Array,
  none: number,
): void {
  for (let at = 0; at < length; at += 1) {
    const km = distances[at] ?? Number.NaN;
    out[rows[at] ?? 0] = Number.isNaN(km) ? none : km;
  }
}

function writeRatios(
  { usualCount, usualSum }: EntityColumns,
  { rows, thousandths }: PaymentRows,
  length: number,
  out: Float64Array,
  none: number,
): void {
  for (let at = 0; at < length; at += 1) {
    out[rows[at] ?? 0] = ratioToMean(thousandths[at] ?? 0, usualCount[at] ?? 0, usualSum[at] ?? 0, none);
  }
}

function writeDays(
  firstMs: Float64Array,
  { rows, atMs }: PaymentRows,
  length: number,
  out: Float64Array,
  none: number,
): void {
  for (let at = 0; at < length; at += 1) out[rows[at] ?? 0] = daysSince(firstMs[at] ?? 0, atMs[at] ?? 0, none);
}

const NONE = new Float64Array(0);
const NO_WINDOW: WindowColumns = { count: NONE, sum: NONE, max: NONE, squareHigh: NONE, squareLow: NONE };

function windowOf(windows: readonly WindowColumns[], index: number): WindowColumns {
  return windows[index] ?? NO_WINDOW;
}

const past = emptyAggregate();

function pastOf({ count, sum, squareHigh, squareLow }: WindowColumns, at: number) {
  past.count = count[at] ?? 0;
  past.sum = sum[at] ?? 0;
  past.squareHigh = squareHigh[at] ?? 0;
  past.squareLow = squareLow[at] ?? 0;
  return past;
}
