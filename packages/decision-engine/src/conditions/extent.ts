/** How much there is of a value: as far as it is known when a policy is checked, and as it is when a payment is decided. */
export interface Extent {
  /** Characters of a text, bytes, entries of a list or mapping; 1 for other values. */
  readonly length: number;
  /** What a comparison may have to look at: entries at all depths, and text in portions of 64 characters. */
  readonly deep: number;
  /** The largest entry. */
  readonly item?: Extent | undefined;
}

const CHARACTERS_PER_STEP = 64;
/** Identifiers of payments have at most so many. */
const VARIABLE_CHARACTERS_MAX = 64;

export const SCALAR: Extent = { length: 1, deep: 0 };
export const VARIABLE_TEXT = textOf(VARIABLE_CHARACTERS_MAX);

export function textOf(characters: number): Extent {
  return { length: characters, deep: Math.floor(characters / CHARACTERS_PER_STEP) };
}

export function entriesOf(count: number, item: Extent): Extent {
  return { length: count, deep: count * (1 + item.deep), item };
}

/** A value of JSON, as far as is known: lists in lists, all of them no larger than the text. */
export function parsedFrom(characters: number): Extent {
  const value: { length: number; deep: number; item?: Extent } = { length: characters, deep: characters };
  value.item = value;
  return value;
}

/** At least as large as each of them. */
export function largestOf(extents: readonly Extent[]): Extent {
  const [first = SCALAR, ...others] = new Set(extents);
  if (others.length === 0) return first;
  const length = Math.max(...extents.map((one) => one.length));
  const deep = Math.max(...extents.map((one) => one.deep));
  if (extents.some((one) => one.item === one)) return parsedFrom(Math.max(length, deep));
  const items = extents.flatMap(({ item }) => (item === undefined ? [] : [item]));
  return items.length === 0 ? { length, deep } : { length, deep, item: largestOf(items) };
}

/** Of a value that is there. @param max what is beyond it is not counted */
export function extentOf(value: unknown, max: number): Extent {
  if (typeof value === "string") return textOf(value.length);
  return typeof value === "object" && value !== null ? new ValueExtent(value, max) : SCALAR;
}

/** Measured only as far as it is asked for. */
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

/** Values may be shared: what is small in memory can be endless to compare. */
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
