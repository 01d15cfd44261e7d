import type { EntityPlan, StreamPlan } from "../plan-entities.js";
import type { WindowColumns } from "./ring-cells.js";

/** What entities of one kind had seen before each of some payments, as `EntityView` says it, one place per payment. */
export interface EntityColumns {
  /** One per window of the plan's payments. */
  readonly payments: readonly WindowColumns[];
  /** One per window of the plan's labels. */
  readonly labels: readonly WindowColumns[];
  /** How many of the entity's labels in the block had been reported. */
  readonly labelsBefore: Int32Array;
  readonly lastPaymentMs: Float64Array;
  readonly firstFraudMs: Float64Array;
  /** One per window of the plan's partners. */
  readonly partners: readonly Float64Array[];
  readonly pairLastMs: Float64Array;
  readonly pairCount: Float64Array;
  /** NaN where no distance is known. */
  readonly homeKm: Float64Array;
  readonly lastKm: Float64Array;
  readonly usualCount: Float64Array;
  readonly usualSum: Float64Array;
  /** One per window of the plan's `usual`. */
  readonly unusual: readonly Float64Array[];
  readonly largest: readonly Float64Array[];
  readonly genuineMs: Float64Array;
  readonly runBeganMs: Float64Array;
  readonly runCount: Float64Array;
}

/** @param length how many payments there is room for */
export function emptyColumns(plan: EntityPlan, length: number): EntityColumns {
  const column = (needed: boolean): Float64Array => new Float64Array(needed ? length : 0);
  const windowsOf = ({ windows, rings }: StreamPlan): WindowColumns[] =>
    windows.map(({ ring }) => ({
      count: column(true),
      sum: column(rings[ring]?.sum === true),
      max: column(rings[ring]?.max === true),
      squareHigh: column(rings[ring]?.squares === true),
      squareLow: column(rings[ring]?.squares === true),
    }));
  return {
    payments: windowsOf(plan.payments),
    labels: windowsOf(plan.labels),
    labelsBefore: new Int32Array(length),
    lastPaymentMs: column(true),
    firstFraudMs: column(plan.firstFraud),
    partners: (plan.partners?.widthsMs ?? []).map(() => column(true)),
    pairLastMs: column(plan.partners !== undefined),
    pairCount: column(plan.partners !== undefined),
    homeKm: column(plan.home),
    lastKm: column(plan.lastPlace),
    usualCount: column(plan.usual !== undefined),
    usualSum: column(plan.usual !== undefined),
    unusual: (plan.usual?.widthsMs ?? []).map(() => column(true)),
    largest: (plan.usual?.widthsMs ?? []).map(() => column(true)),
    genuineMs: column(plan.run !== undefined),
    runBeganMs: column(plan.run !== undefined),
    runCount: column(plan.run !== undefined),
  };
}
