/** The size of a value: known when a policy is checked, or measured when a payment is decided. */
export interface Extent {
  /** Characters of a text, bytes, or entries of a list or map; 1 for other values. */
  readonly length: number;
  /** The maximum work of a comparison: entries at all depths, and text in units of 64 characters. */
  readonly deep: number;
  /** The largest entry. */
  readonly item?: Extent | undefined;
}

const CHARACTERS_PER_STEP = 64;
/** Maximum length of a payment's identifiers. */
const VARIABLE_CHARACTERS_MAX = 64;

export const SCALAR: Extent = { length: 1, deep: 0 };
export const VARIABLE_TEXT = textOf(VARIABLE_CHARACTERS_MAX);

export function textOf(characters: number): Extent {
  return { length: characters, deep: Math.floor(characters / CHARACTERS_PER_STEP) };
}

export function entriesOf(count: number, item: Extent): Extent {
  return { length: count, deep: count * (1 + item.deep), item };
}

/** A JSON value with unknown content: nested lists, none of them larger than the text. */
export function parsedFrom(characters: number): Extent {
  const value: { length: number; deep: number; item?: Extent } = { length: characters, deep: characters };
  value.item = value;
  return value;
}

/** An extent at least as large as each of the given ones. */
export function largestOf(extents: readonly Extent[]): Extent {
  const [first = SCALAR, ...others] = new Set(extents);
  if (others.length === 0) return first;
  const length = Math.max(...extents.map((one) => one.length));
  const deep = Math.max(...extents.map((one) => one.deep));
  if (extents.some((one) => one.item === one)) return parsedFrom(Math.max(length, deep));
  const items = extents.flatMap(({ item }) => (item === undefined ? [] : [item]));
  return items.length === 0 ? { length, deep } : { length, deep, item: largestOf(items) };
}

/** The extent of an existing value. @param max counting stops here */
export function extentOf(value: unknown, max: number): Extent {
  if (typeof value === "string") return textOf(value.length);
  return typeof value === "object" && value !== null ? new ValueExtent(value, max) : SCALAR;
}

/** Measured lazily. */
class ValueExtent implements Extent {
  constructor(
    private readonly value: object,
    private readonly max: number,
  ) {}

  get length(): number {
    const { value } = this;
    return value instanceof Uint8Array ? value.length : (entriesIn(value)?.length ?? 1);
  }

  get deep(): number {
    return deepOf(this.value, this.max);
  }

  get item(): Extent | undefined {
    const entries = entriesIn(this.value);
    if (entries === undefined) return undefined;
    return textOf(Math.max(0, ...entries.map((entry) => (typeof entry === "string" ? entry.length : 1))));
  }
}

/** Values may be shared, so comparing a value that is small in memory can take extremely long. */
function deepOf(value: unknown, max: number): number {
  if (typeof value === "string" || value instanceof Uint8Array) return Math.floor(value.length / CHARACTERS_PER_STEP);
  const entries = entriesIn(value) ?? [];
  let deep = entries.length;
  for (let index = 0; index < entries.length && deep <= max; index += 1) {
    const entry = entries[index];
    if (typeof entry === "object" || typeof entry === "string") deep += deepOf(entry, max - deep);
  }
  return deep;
}

function entriesIn(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.values()];
  if (typeof value !== "object" || value === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.values(value) : undefined;
}
