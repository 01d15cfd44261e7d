import { z } from "zod";
import { isCountry } from "./country.js";
import { wasCurrency } from "./currency.js";
import { FILTER_FIELDS } from "./generated/payment-fields.js";

/*
 * The `where` of a feature: one condition per payment field; all conditions must match. It is not a general expression,
 * so its cost is limited and unknown fields are detected when the spec is read.
 */

/** A payment field by which features can filter. */
export type FilterField = keyof typeof FILTER_FIELDS;
/** The amount in major units of the payment's currency, as in the feature of kind `amount`. */
export const AMOUNT = "amount";

const LISTED_MAX = 100;
const FIELDS_MAX = 8;

type Scalar = string | number | boolean;
/** Allowed values, excluded values, or a range that includes `from` and excludes `below`. */
export type FilterCondition =
  | readonly Scalar[]
  | { readonly not: readonly Scalar[] }
  | { readonly from?: number | undefined; readonly below?: number | undefined };

const condition = z.custom<FilterCondition>(isCondition, {
  error: `must be a list of 1 to ${LISTED_MAX} values, { not: [values] }, or { from: number, below: number }`,
  abort: true,
});

function isCondition(given: unknown): boolean {
  if (isList(given)) return true;
  if (typeof given !== "object" || given === null || Array.isArray(given)) return false;
  const parts = Object.entries(given);
  if ("not" in given) return parts.length === 1 && isList(given.not);
  const isPart = ([name, value]: [string, unknown]) =>
    (name === "from" || name === "below") && typeof value === "number" && Number.isFinite(value);
  return parts.length > 0 && parts.every(isPart);
}

function isList(given: unknown): boolean {
  const isScalar = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);
  return Array.isArray(given) && given.length > 0 && given.length <= LISTED_MAX && given.every(isScalar);
}

export const paymentFilter = z
  .record(z.string(), condition)
  .refine((where) => Object.keys(where).length > 0, "must name a field")
  .refine((where) => Object.keys(where).length <= FIELDS_MAX, `can have at most ${FIELDS_MAX} fields`);

export type PaymentFilter = z.infer<typeof paymentFilter>;

interface FilterFault {
  readonly path: readonly string[];
  readonly message: string;
}

interface KnownField {
  readonly type: string;
  readonly values?: readonly string[];
}

type KnownFields = Readonly<Record<string, KnownField>>;
const PAYMENT_FIELDS: KnownFields = FILTER_FIELDS;

/** Fields of payment updates that filters of features can test, in addition to the amount. */
const UPDATE_FIELDS: KnownFields = {
  kind: {
    type: "enum",
    values: ["authorised", "declined", "three_ds_completed", "three_ds_abandoned", "captured", "reversed", "refunded"],
  },
  declined_by: { type: "enum", values: ["issuer", "tripline"] },
  issuer_code: { type: "text" },
};

/** Faults that the schema cannot detect: unknown fields, and values that a field never takes. */
export function* filterFaults(where: PaymentFilter, of: "payment" | "update"): Generator<FilterFault> {
  const fields = of === "update" ? UPDATE_FIELDS : PAYMENT_FIELDS;
  for (const [field, given] of Object.entries(where)) {
    const own = Object.hasOwn(fields, field) ? fields[field] : undefined;
    const known: KnownField | undefined = field === AMOUNT ? { type: "number" } : own;
    const at = (message: string): FilterFault => ({ path: [field], message });
    if (known === undefined) {
      yield at(`features cannot filter by "${field}", only by ${[AMOUNT, ...Object.keys(fields)].join(", ")}`);
      continue;
    }
    const isNumber = known.type === "number" || known.type === "integer";
    if (!isListed(given) && !("not" in given)) {
      if (!isNumber) yield at(`is not a number, so use a list of values instead of from and below`);
      else if ((given.from ?? -Infinity) >= (given.below ?? Infinity)) yield at("from must be less than below");
      else if (field === AMOUNT && !isInThousandths(given)) yield at("amounts have at most three decimals");
      continue;
    }
    if (field === AMOUNT) {
      yield at("filter amounts by from and below, not by single values");
      continue;
    }
    for (const value of isListed(given) ? given : given.not) {
      const message = valueFault(field, known, value);
      if (message !== undefined) yield at(message);
    }
  }
}

export function isFilterField(name: string): name is FilterField {
  return Object.hasOwn(FILTER_FIELDS, name);
}

/** `Array.isArray` does not narrow to a readonly array. */
export function isListed(given: FilterCondition): given is readonly Scalar[] {
  return Array.isArray(given);
}

function isInThousandths({ from = 0, below = 0 }: { from?: number | undefined; below?: number | undefined }): boolean {
  return [from, below].every((amount) => Math.round(amount * 1000) / 1000 === amount);
}

function valueFault(field: string, { type, values }: KnownField, value: Scalar): string | undefined {
  if (type === "boolean") return typeof value === "boolean" ? undefined : `${value} must be true or false`;
  if (type === "number" || type === "integer")
    return typeof value === "number" ? undefined : `"${value}" must be a number`;
  if (typeof value !== "string") return `${value} must be a quoted string: "${value}"`;
  if (value === "") return "a string cannot be empty; { not: [...] } includes payments without a value";
  if (values !== undefined && !values.includes(value)) return `"${value}" is not one of ${values.join(", ")}`;
  if (type === "country" && !isCountry(value)) return `"${value}" is not an ISO 3166-1 alpha-2 code, such as BE`;
  if (field === "currency" && !wasCurrency(value)) return `"${value}" is not an ISO 4217 currency, such as EUR`;
  return undefined;
}

/** A canonical text of the filter, independent of the order of fields and values. */
export function filterKey(where: PaymentFilter): string {
  const conditions = Object.entries(where).map(([field, given]) => {
    if (isListed(given)) return [field, "in", ...sorted(given)];
    if ("not" in given) return [field, "not", ...sorted(given.not)];
    return [field, "from", given.from ?? null, given.below ?? null];
  });
  return JSON.stringify(conditions.sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)));
}

function sorted(values: readonly Scalar[]): Scalar[] {
  return [...new Set(values)].sort((one, other) => (String(one) < String(other) ? -1 : 1));
}

/** Describes a filter in words, for example `merchant country BE or NL, amount from 100`. */
export function describeFilter(where: PaymentFilter): string {
  return Object.entries(where)
    .map(([field, given]) => `${field.replaceAll("_", " ")} ${describeCondition(given)}`)
    .join(", ");
}

function describeCondition(given: FilterCondition): string {
  if (isListed(given)) return given.join(" or ");
  if ("not" in given) return `not ${given.not.join(" or ")}`;
  const { from, below } = given;
  return [from === undefined ? [] : [`from ${from}`], below === undefined ? [] : [`below ${below}`]].flat().join(" ");
}
