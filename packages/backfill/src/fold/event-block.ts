/**
 * Payments and labels as columns, each in time order. If times are equal, labels come before payments. Entities are
 * numbered from 0, so that no event needs a string.
 */
export interface EventBlock {
  readonly payments: PaymentColumns;
  readonly labels: LabelColumns;
}

/** Only the first `length` values of each column are used. */
export interface PaymentColumns {
  readonly length: number;
  /** Reference that replaces the id of the first payment; each following payment has a reference two higher. */
  readonly firstReference: number;
  readonly atMs: Float64Array;
  /** In major units. */
  readonly amounts: Float64Array;
  readonly thousandths: Float64Array;
  /** In degrees; NaN if the payment has no location. */
  readonly latitudes: Float64Array;
  readonly longitudes: Float64Array;
  /** For each entity of the spec, the number of the payment's entity; -1 if it has none. */
  readonly numbers: readonly Int32Array[];
  /**
   * By profile of the spec, then by column, with the value known at the time of the payment; NaN if the value is null
   * or no row is valid.
   */
  readonly profiles: readonly (readonly Float64Array[])[];
  /** For each filter of the spec: 1 if the payment passes it. */
  readonly passes: readonly Uint8Array[];
  /** The codes of the spec's categories. */
  readonly categories: readonly Float64Array[];
}

/** Only the first `length` values of each column are used. */
export interface LabelColumns {
  readonly length: number;
  readonly atMs: Float64Array;
  /** 1 for a fraud, 0 for a genuine payment. */
  readonly frauds: Uint8Array;
  /** References that replace the ids of the labels. */
  readonly references: Float64Array;
  /** Times of the labelled payments. */
  readonly occurredAtMs: Float64Array;
  /**
   * 1 if the judge entity explains the fraud: the judge's fold writes this column, and the folds of other entities read
   * it.
   */
  readonly explained: Uint8Array;
  /**
   * 1 if the card remembers the payment. The card's fold writes this column, and the folds of other entities read it.
   */
  readonly found: Uint8Array;
  /**
   * For each entity of the spec, like `numbers` for payments: the entity that the label names, or the entity of its
   * payment that the label can reach through the card. -1 for none.
   */
  readonly numbers: readonly Int32Array[];
}

/** Sizes of the blocks of one backfill. */
export interface BlockShape {
  readonly paymentsMax: number;
  readonly labelsMax: number;
  /** Entities of the spec. */
  readonly entities: number;
  /** Features of the spec. */
  readonly features: number;
  /** Columns of each profile of the spec. */
  readonly profiles: readonly number[];
  /** Number of filters in the spec. */
  readonly filters: number;
  /** Number of categories in the spec. */
  readonly categories: number;
}

/** The number of events in a block; all other data of the block is in its memory. */
export interface BlockFill {
  readonly payments: number;
  readonly labels: number;
  readonly firstReference: number;
}

/** A block of events and the columns of their features, in memory shared between threads. */
export interface SharedBlock {
  readonly payments: Omit<EventBlock["payments"], "length" | "firstReference">;
  readonly labels: Omit<EventBlock["labels"], "length">;
  /** By feature of the spec. */
  readonly features: readonly Float64Array[];
}

/** Columns of eight bytes per payment: times, amounts, thousandths, latitudes, longitudes. */
const PAYMENT_DOUBLES = 5;
/** Per label: times, references, times of the payments. */
const LABEL_DOUBLES = 3;

/** Memory per block, in bytes. */
export function blockBytes(shape: BlockShape): number {
  const { paymentsMax, labelsMax, entities, features, profiles, filters, categories } = shape;
  const doubles = PAYMENT_DOUBLES + features + categories + profiles.reduce((sum, columns) => sum + columns, 0);
  const perPayment = 8 * doubles + 4 * entities + filters;
  const perLabel = 8 * LABEL_DOUBLES + 4 * entities + 3;
  return perPayment * paymentsMax + perLabel * labelsMax;
}

/** The columns in a block's memory; every thread creates its own view. */
export function viewBlock(shape: BlockShape, memory: SharedArrayBuffer): SharedBlock {
  const { paymentsMax, labelsMax, entities, features } = shape;
  let at = 0;
  const doubles = (length: number): Float64Array => {
    const column = new Float64Array(memory, at, length);
    at += column.byteLength;
    return column;
  };
  const integers = (length: number): Int32Array => {
    const column = new Int32Array(memory, at, length);
    at += column.byteLength;
    return column;
  };
  const columns = Array.from({ length: features }, () => doubles(paymentsMax));
  const [atMs, amounts, thousandths, latitudes, longitudes] = [0, 1, 2, 3, 4].map(() => doubles(paymentsMax)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const profiles = shape.profiles.map((count) => Array.from({ length: count }, () => doubles(paymentsMax)));
  const categories = Array.from({ length: shape.categories }, () => doubles(paymentsMax));
  const labelMs = doubles(labelsMax);
  const references = doubles(labelsMax);
  const occurredAtMs = doubles(labelsMax);
  const paymentNumbers = Array.from({ length: entities }, () => integers(paymentsMax));
  const labelNumbers = Array.from({ length: entities }, () => integers(labelsMax));
  const bytes = (length: number): Uint8Array => {
    const column = new Uint8Array(memory, at, length);
    at += length;
    return column;
  };
  const frauds = bytes(labelsMax);
  const explained = bytes(labelsMax);
  const found = bytes(labelsMax);
  const passes = Array.from({ length: shape.filters }, () => bytes(paymentsMax));
  return {
    payments: {
      ...{ atMs, amounts, thousandths, latitudes, longitudes, numbers: paymentNumbers },
      ...{ profiles, passes, categories },
    },
    labels: { atMs: labelMs, references, occurredAtMs, frauds, explained, found, numbers: labelNumbers },
    features: columns,
  };
}

/** The filled part of a block. */
export function filledBlock(block: SharedBlock, fill: BlockFill): EventBlock {
  return {
    payments: { ...block.payments, length: fill.payments, firstReference: fill.firstReference },
    labels: { ...block.labels, length: fill.labels },
  };
}
