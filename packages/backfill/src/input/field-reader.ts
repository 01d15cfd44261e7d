import type { CategoryFields } from "@tripline/feature-engine/payment-categories";
import type { FilteredFields } from "@tripline/feature-engine/payment-filters";
import type { PaymentColumns } from "../fold/event-block.js";
import type { PreparedEvents } from "./prepare-events.js";
import { numberOf } from "./prepare-events.js";
import type { FieldUses, UsedField } from "./used-fields.js";
import { fieldsOf, USED_FIELDS } from "./used-fields.js";

type Value = string | number | boolean | undefined;

interface ColumnReader {
  /** SQL for a number; undefined if no payment has a value. */
  readonly column: string | undefined;
  readonly key: (typeof USED_FIELDS)[UsedField]["key"];
  readonly decode: (stored: number) => Value;
}

/** Evaluates the filters and categories of a spec for stored payments, whose texts are codes of enumerations. */
export class FieldReader {
  /** SQL for the columns to read, one per field. */
  readonly columns: readonly (string | undefined)[];
  readonly #readers: readonly ColumnReader[];

  constructor(
    private readonly uses: FieldUses,
    events: Pick<PreparedEvents, "texts">,
  ) {
    this.#readers = fieldsOf(uses).map((name) => readerOf(name, events));
    this.columns = this.#readers.map(({ column }) => column);
  }

  /**
   * @param stored values of `columns` for this payment, starting at index `first`; unread columns are empty
   * @param payments receives the result of each filter and the code of each category at index `at`
   */
  evaluate(
    stored: readonly Float64Array[],
    first: number,
    row: number,
    { passes, categories, thousandths }: Pick<PaymentColumns, "passes" | "categories" | "thousandths">,
    at: number,
  ): void {
    if (passes.length === 0 && categories.length === 0) return;
    const payment: FilteredFields & CategoryFields = {};
    const values: Record<string, Value> = payment;
    for (const [place, { key, decode }] of this.#readers.entries()) {
      const number = stored[first + place]?.[row];
      if (number !== undefined) values[key] = decode(number);
    }
    for (const [filter, { passes: isPassed }] of this.uses.filters.entries()) {
      const column = passes[filter];
      if (column !== undefined) column[at] = isPassed(payment, thousandths[at] ?? 0) ? 1 : 0;
    }
    for (const [place, { codeOf }] of this.uses.categories.entries()) {
      const column = categories[place];
      if (column !== undefined) column[at] = codeOf(payment);
    }
  }
}

function readerOf(name: UsedField, { texts }: Pick<PreparedEvents, "texts">): ColumnReader {
  const { key, type } = USED_FIELDS[name];
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
