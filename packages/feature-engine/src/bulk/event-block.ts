/**
 * Some payments and labels in a row, as columns, each in order of time. At one time labels come before payments. Entities
 * are numbered from 0, so that no string is read for every event.
 */
export interface EventBlock {
  readonly payments: PaymentColumns;
  readonly labels: LabelColumns;
}

/** The first `length` places of each column are in use. */
export interface PaymentColumns {
  readonly length: number;
  /** Number in place of the id of the first payment; the next one has two more, and so on. */
  readonly firstReference: number;
  readonly atMs: Float64Array;
  /** In major units. */
  readonly amounts: Float64Array;
  readonly thousandths: Float64Array;
  /** In degrees; NaN where the payment does not say. */
  readonly latitudes: Float64Array;
  readonly longitudes: Float64Array;
  /** By entity of the spec: the number of the payment's entity, -1 where it names none. */
  readonly numbers: readonly Int32Array[];
  /** By profile of the spec and its columns, as known when the payment took place; NaN where no row was in force, and for null. */
  readonly profiles: readonly (readonly Float64Array[])[];
}

/** The first `length` places of each column are in use. */
export interface LabelColumns {
  readonly length: number;
  readonly atMs: Float64Array;
  /** 1 for a fraud, 0 for a genuine payment. */
  readonly frauds: Uint8Array;
  /** Numbers in place of the ids of the labels. */
  readonly references: Float64Array;
  /** When the payments took place. */
  readonly occurredAtMs: Float64Array;
  /** 1 where the entity that explains frauds of others explains it: written by its fold, read by those of the others. */
  readonly explained: Uint8Array;
  /** By entity of the spec, as those of payments; empty for entities that labels do not name. */
  readonly numbers: readonly Int32Array[];
}
