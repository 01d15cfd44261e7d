import { CATEGORY_FIELDS, FILTER_FIELDS } from "@tripline/contracts/generated/payment-fields";
import type { FilterField } from "@tripline/contracts/payment-filter";
import type { CategoryField } from "@tripline/contracts/text/category-code";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";

/** A payment field that filters or categories read. */
export type UsedField = FilterField | CategoryField;

export const USED_FIELDS = { ...CATEGORY_FIELDS, ...FILTER_FIELDS };

/** The parts of an engine that read payment fields. */
export type FieldUses = Pick<FeatureEngine, "filters" | "categories">;

/** The payment fields that the filters and categories of a spec read. */
export function fieldsOf({ filters, categories }: FieldUses): UsedField[] {
  return [...new Set([...filters.flatMap(({ fields }) => fields), ...categories.map(({ field }) => field)])];
}

/** Texts become enumerations. */
export function isTextField(field: UsedField): boolean {
  return !["number", "integer", "boolean"].includes(USED_FIELDS[field].type);
}
