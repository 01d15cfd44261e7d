import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { CATEGORY_FIELDS } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { CategoryField } from "@tripline/contracts/text/category-code";
import { categoryCode } from "@tripline/contracts/text/category-code";

/** The fields of a payment that can be categories. A text that was not sent may be absent or empty. */
export type CategoryFields = Partial<Pick<Transaction, (typeof CATEGORY_FIELDS)[CategoryField]["key"]>>;

/** One of the distinct fields used by a spec's features of kind `category`. */
export interface CategoryPlan {
  readonly field: CategoryField;
  readonly codeOf: (payment: CategoryFields) => number;
}

/** In the order in which features first use them. */
export function planCategories(spec: FeatureSpec): CategoryPlan[] {
  const fields = new Set(spec.features.flatMap((feature) => (feature.kind === "category" ? [feature.field] : [])));
  return Array.from(fields, (field) => {
    const { key } = CATEGORY_FIELDS[field];
    return { field, codeOf: (payment) => categoryCode(payment[key] ?? "") };
  });
}

/** @param into receives the code of each category */
export function writeCodes(plans: readonly CategoryPlan[], payment: CategoryFields, into: Float64Array): void {
  for (let place = 0; place < plans.length; place += 1) into[place] = plans[place]?.codeOf(payment) ?? 0;
}
