import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { isUpdateFeature } from "@tripline/contracts/feature-spec";
import { FILTER_FIELDS } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FilterCondition, FilterField, PaymentFilter } from "@tripline/contracts/payment-filter";
import { AMOUNT, filterKey, isFilterField, isListed } from "@tripline/contracts/payment-filter";

/** The fields of a payment by which features can filter. A text field that was not sent may be absent or empty. */
export type FilteredFields = Partial<Pick<Transaction, (typeof FILTER_FIELDS)[FilterField]["key"]>>;

/** One of the distinct filters of a spec. */
export interface FilterPlan {
  /** See `filterKey`. */
  readonly key: string;
  /** The fields that the filter reads, apart from the amount. */
  readonly fields: readonly FilterField[];
  /** @param thousandths amount of the payment in thousandths of the major unit */
  readonly passes: (payment: FilteredFields, thousandths: number) => boolean;
}

/** The distinct filters of a spec, in the order in which its features first use them. */
export function planFilters(spec: FeatureSpec): FilterPlan[] {
  const filters = new Map<string, PaymentFilter>();
  for (const feature of spec.features) {
    const { where } = feature;
    if (where !== undefined && !isUpdateFeature(feature)) filters.set(filterKey(where), where);
  }
  return Array.from(filters, ([key, where]) => {
    const conditions = Object.entries(where).map(([field, condition]) => compileCondition(field, condition));
    const fields = Object.keys(where).filter(isFilterField);
    return { key, fields, passes: (payment, thousandths) => conditions.every((holds) => holds(payment, thousandths)) };
  });
}

function compileCondition(field: string, condition: FilterCondition): FilterPlan["passes"] {
  if (isFilterField(field)) {
    const { key } = FILTER_FIELDS[field];
    const holds = compileTest(condition, 1);
    return (payment) => holds(payment[key]);
  }
  if (field !== AMOUNT) throw new RangeError(`features cannot filter by ${field}`);
  const holds = compileTest(condition, 1000);
  return (_, thousandths) => holds(thousandths);
}

type Value = string | number | boolean | undefined;

/**
 * Compiles the test of one condition. A payment without the field matches no list and no range.
 *
 * @param scale factor for the compared numbers: 1000 for amounts, which are compared as integers
 */
export function compileTest(condition: FilterCondition, scale: number): (value: Value) => boolean {
  if (isListed(condition)) {
    const listed = new Set<Value>(condition);
    return (value) => listed.has(value);
  }
  if ("not" in condition) {
    const excluded = new Set<Value>(condition.not);
    return (value) => !excluded.has(value);
  }
  const { from: first = Number.NEGATIVE_INFINITY, below: end = Number.POSITIVE_INFINITY } = condition;
  const [from, below] = scale === 1 ? [first, end] : [Math.round(first * scale), Math.round(end * scale)];
  return (value) => typeof value === "number" && value >= from && value < below;
}
