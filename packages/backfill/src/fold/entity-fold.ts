import type { EntityFeature, EntityView, PaymentView } from "@tripline/feature-engine/apply/compile-feature";
import { countLabel, countPayment } from "@tripline/feature-engine/apply/count-event";
import { emptyView, viewEntity } from "@tripline/feature-engine/apply/view-entity";
import type { EntityPlan } from "@tripline/feature-engine/plan-entities";
import { isFound, isFoundBy } from "@tripline/feature-engine/plan-entities";
import { ByteReader } from "@tripline/feature-engine/state/byte-reader";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { clearState, emptyState } from "@tripline/feature-engine/state/entity-state";
import { NO_PARTNER } from "@tripline/feature-engine/state/partner-table";
import { decodeState, encodeState } from "@tripline/feature-engine/state/state-codec";
import { wasUnusual } from "@tripline/feature-engine/state/usual-amount";
import type { EventBlock } from "./event-block.js";
import type { IdOfReference } from "./id-references.js";
import { rememberReference, resolvePayments, resolveReferences, wordsOf } from "./id-references.js";
import { RowsByEntity } from "./rows-by-entity.js";
import { StateStore } from "./state-store.js";

export interface EntityFoldOptions {
  readonly plan: EntityPlan;
  /** Index of the entity in the spec. */
  readonly entity: number;
  readonly features: readonly EntityFeature[];
  readonly horizonMs: number;
  /** Number of entities in this share; entity n has the number `share + n * shares`. */
  readonly entities: number;
  readonly share: number;
  readonly shares: number;
  /** For each partner, the first 32 bits of the hash of its id; empty if the plan has no partners. */
  readonly partnerHashes: Uint32Array;
  /** Whether unusual payments of this entity can explain frauds of another entity. */
  readonly judges: boolean;
  /** Number of filters of the spec. */
  readonly filters: number;
}

/**
 * Folds the events of one kind of entity with the online engine, block by block. All events of an entity within a block
 * are folded together, so its state is decoded and encoded once per block.
 */
export class EntityFold {
  /** Number of entities. */
  readonly entities: number;
  private readonly store: StateStore;
  private readonly paid: RowsByEntity;
  private readonly known: RowsByEntity;
  /** The state of the current entity. */
  private readonly state: EntityState;
  private readonly view: EntityView;
  private readonly payment: PaymentView;
  private readonly reader = new ByteReader(new Uint8Array());
  private readonly writer = new ByteWriter();

  constructor(private readonly options: EntityFoldOptions) {
    const { plan, entities, share, shares } = options;
    this.entities = entities;
    this.store = new StateStore(entities);
    this.paid = new RowsByEntity(entities, share, shares);
    this.known = new RowsByEntity(entities, share, shares);
    this.state = emptyState(plan);
    this.view = emptyView(plan);
    this.payment = {
      atMs: 0,
      own: 1,
      amount: 0,
      thousandths: 0,
      latitude: Number.NaN,
      longitude: Number.NaN,
      profiles: [],
      passes: new Uint8Array(options.filters),
      categories: new Float64Array(0),
    };
  }

  /** @param out one column per feature of the spec; rows without an entity of this share are left unchanged */
  fold(block: EventBlock, out: readonly Float64Array[]): void {
    const { entity, entities } = this.options;
    const { payments, labels } = block;
    this.paid.group(payments.numbers[entity] ?? NO_NUMBERS, payments.length);
    this.known.group(labels.numbers[entity] ?? NO_NUMBERS, labels.length);
    const [paid, known] = [this.paid.starts, this.known.starts];
    for (let number = 0; number < entities; number += 1) {
      const hasEvents = paid[number] !== paid[number + 1] || known[number] !== known[number + 1];
      if (hasEvents) this.#foldEntity(number, block, out);
    }
  }

  /** The encoded state of an entity. Ids are references, see `rememberReference`, unless `idOf` is given. */
  encoded(number: number, idOf?: IdOfReference): Uint8Array {
    const { plan } = this.options;
    const bytes = this.store.get(number);
    if (bytes !== null && (idOf === undefined || !plan.recentIds)) return bytes;
    this.#load(number);
    if (idOf !== undefined && this.state.recentIds !== undefined) resolveReferences(this.state.recentIds, idOf);
    if (idOf !== undefined && this.state.recentPayments !== undefined) resolvePayments(this.state.recentPayments, idOf);
    return this.#encode();
  }

  /** Sets the state of an entity to one that `encoded` returned. */
  restore(number: number, bytes: Uint8Array): void {
    this.store.set(number, bytes);
  }

  /** The state of an entity, valid until the next call. */
  stateOf(number: number): EntityState {
    this.#load(number);
    return this.state;
  }

  /** Processes one entity's events in time order; at equal times, labels come before payments. */
  #foldEntity(number: number, block: EventBlock, out: readonly Float64Array[]): void {
    const { paid, known } = this;
    const { payments, labels } = block;
    this.#load(number);
    let label = known.starts[number] ?? 0;
    const labelsEnd = known.starts[number + 1] ?? 0;
    const end = paid.starts[number + 1] ?? 0;
    for (let at = paid.starts[number] ?? 0; at < end; at += 1) {
      const row = paid.rows[at] ?? 0;
      const atMs = payments.atMs[row] ?? 0;
      while (label < labelsEnd && (labels.atMs[known.rows[label] ?? 0] ?? 0) <= atMs) {
        this.#countLabel(labels, known.rows[label] ?? 0);
        label += 1;
      }
      this.#countPayment(payments, row, out);
    }
    for (; label < labelsEnd; label += 1) this.#countLabel(labels, known.rows[label] ?? 0);
    this.store.set(number, this.#encode());
  }

  #load(number: number): void {
    const bytes = this.store.get(number);
    clearState(this.state);
    if (bytes === null) return;
    this.reader.reset(bytes);
    decodeState(this.options.plan, this.reader, this.state);
  }

  #encode(): Uint8Array {
    this.writer.reset();
    encodeState(this.options.plan, this.state, this.writer);
    return this.writer.since(0);
  }

  #countPayment(payments: EventBlock["payments"], row: number, out: readonly Float64Array[]): void {
    const { plan, horizonMs, features } = this.options;
    const { state, view, payment } = this;
    const atMs = payments.atMs[row] ?? 0;
    payment.atMs = atMs;
    payment.thousandths = payments.thousandths[row] ?? 0;
    const { passes } = payment;
    for (let filter = 0; filter < passes.length; filter += 1) passes[filter] = payments.passes[filter]?.[row] ?? 0;
    const latitude = degrees(payments.latitudes[row]);
    const longitude = degrees(payments.longitudes[row]);
    const partnerHash = plan.partnerEntity < 0 ? NO_PARTNER : this.#partnerHash(payments, plan.partnerEntity, row);
    viewEntity(plan, state, atMs, horizonMs, { passes, partnerHash, latitude, longitude }, view);
    for (let place = 0; place < features.length; place += 1) {
      const feature = features[place];
      const column = feature && out[feature.index];
      if (column !== undefined) column[row] = feature?.compute(view, payment) ?? 0;
    }
    const reference = payments.firstReference + row * 2;
    if (state.recentIds !== undefined) rememberReference(state.recentIds, reference);
    state.recentPayments?.add(wordsOf(reference), atMs, []);
    const count = { atMs, amount: payment.thousandths, partnerHash, latitude, longitude, passes };
    countPayment(plan, state, count, horizonMs);
  }

  #partnerHash({ numbers }: Pick<EventBlock["payments"], "numbers">, partners: number, row: number): number {
    const partner = numbers[partners]?.[row] ?? -1;
    return partner < 0 ? NO_PARTNER : (this.options.partnerHashes[partner] ?? NO_PARTNER);
  }

  #countLabel(labels: EventBlock["labels"], row: number): void {
    const { state } = this;
    const { plan } = this.options;
    const fraud = labels.frauds[row] === 1;
    if (isFound(plan) && !(labels.found[row] === 1 && isFoundBy(plan, fraud))) return;
    const occurredAtMs = labels.occurredAtMs[row] ?? 0;
    if (this.options.judges && state.usual !== undefined) {
      labels.explained[row] = wasUnusual(state.usual, occurredAtMs) ? 1 : 0;
    }
    const reference = labels.references[row] ?? 0;
    if (state.recentPayments !== undefined) {
      // A label's reference is the reference of its payment plus 1.
      labels.found[row] = state.recentPayments.find(wordsOf(reference - 1)) === undefined ? 0 : 1;
    }
    if (state.recentIds !== undefined) rememberReference(state.recentIds, reference);
    countLabel(plan, state, {
      atMs: labels.atMs[row] ?? 0,
      occurredAtMs,
      fraud,
      explained: labels.explained[row] === 1,
      partnerHash: plan.partners?.frauds === true ? this.#partnerHash(labels, plan.partnerEntity, row) : NO_PARTNER,
      // A payment in a dataset has at most one label, so no label replaces another.
      replacedAtMs: undefined,
    });
  }
}

const NO_NUMBERS = new Int32Array(0);

function degrees(value: number | undefined): number | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : value;
}
