import { FILTER_FIELDS } from "@tripline/contracts/generated/payment-fields";
import type { FilterField } from "@tripline/contracts/payment-filter";
import type { FilteredFields, FilterPlan } from "@tripline/feature-engine/payment-filters";
import type { PreparedEvents } from "./prepare-events.js";
import { numberOf } from "./prepare-events.js";

/** The payment fields that these filters read. */
export function filteredFields(filters: readonly FilterPlan[]): FilterField[] {
  return [...new Set(filters.flatMap(({ fields }) => fields))];
}

type Value = string | number | boolean | undefined;

interface FieldReader {
  /** SQL for a number; undefined if no payment has a value. */
  readonly column: string | undefined;
  readonly key: (typeof FILTER_FIELDS)[FilterField]["key"];
  readonly decode: (stored: number) => Value;
}

/** Evaluates the filters of a spec for stored payments, whose texts are codes of enumerations. */
export class FilterReader {
  /** SQL for the columns to read, one per field. */
  readonly columns: readonly (string | undefined)[];
  readonly #fields: readonly FieldReader[];

  constructor(
    private readonly filters: readonly FilterPlan[],
    events: Pick<PreparedEvents, "texts">,
  ) {
    this.#fields = filteredFields(filters).map((name) => readerOf(name, events));
    this.columns = this.#fields.map(({ column }) => column);
  }

  /**
   * @param stored values of `columns` for this payment, starting at `first`; an unread column is empty
   * @param passes receives the result of each filter
   */
  evaluate(
    stored: readonly Float64Array[],
    first: number,
    row: number,
    thousandths: number,
    passes: readonly Uint8Array[],
    at: number,
  ): void {
    if (passes.length === 0) return;
    const payment: FilteredFields = {};
    const values: Record<string, Value> = payment;
    for (const [place, { key, decode }] of this.#fields.entries()) {
      const number = stored[first + place]?.[row];
      if (number !== undefined) values[key] = decode(number);
    }
    for (const [filter, { passes: isPassed }] of this.filters.entries()) {
      const column = passes[filter];
      if (column !== undefined) column[at] = isPassed(payment, thousandths) ? 1 : 0;
    }
  }
}

function readerOf(name: FilterField, { texts }: Pick<PreparedEvents, "texts">): FieldReader {
  const { key, type } = FILTER_FIELDS[name];
  const known = texts.get(name);
  if (known !== undefined) return { column: numberOf(name, known), key, decode: (number) => known[number] };
  const decode = (number: number): Value => {
    if (Number.isNaN(number)) return undefined;
    return isBoolean(type) ? number === 1 : number;
  };
  return { column: `coalesce(${name}::DOUBLE, 'nan'::DOUBLE)`, key, decode };
}

function isBoolean(type: string): boolean {
  return type === "boolean";
}
