import { currencyDecimals } from "@tripline/contracts/currency";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { needsPayment } from "@tripline/contracts/feature-spec";
import type { Label, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { toThousandths } from "../feature-formulas.js";
import type { CategoryFields, CategoryPlan } from "../payment-categories.js";
import { planCategories, writeCodes } from "../payment-categories.js";
import type { FilteredFields, FilterPlan } from "../payment-filters.js";
import { planFilters } from "../payment-filters.js";
import type { UpdateEvent } from "../payment-updates.js";
import type { EntityPlan } from "../plan-entities.js";
import { isFoundBy, judgeOf, longestWindowMs, planEntities } from "../plan-entities.js";
import type { ProfilePlan, ProfileRows } from "../profiles.js";
import { isInForce, planProfiles } from "../profiles.js";
import { ByteReader } from "../state/byte-reader.js";
import { ByteWriter } from "../state/byte-writer.js";
import type { EntityState } from "../state/entity-state.js";
import { clearState, emptyState } from "../state/entity-state.js";
import { NO_PARTNER } from "../state/partner-table.js";
import type { IdHash } from "../state/recent-ids.js";
import { hashId } from "../state/recent-ids.js";
import { decodeState, encodeState } from "../state/state-codec.js";
import { stateKey } from "../state/state-key.js";
import { wasUnusual } from "../state/usual-amount.js";
import { checkPayment, requireAmount, requireTime } from "./check-event.js";
import type { CompiledFeatures, EntityFeature, EntityView, PaymentView } from "./compile-feature.js";
import { compileFeatures } from "./compile-feature.js";
import { countLabel, countPayment, countUpdate } from "./count-event.js";
import type { EntityIds, IdOfEvent } from "./entity-ids.js";
import { compileId } from "./entity-ids.js";
import { emptyView, viewEntity } from "./view-entity.js";

/** The fields of a payment that features use. */
export type PaymentEvent = Pick<Transaction, "transactionId" | "amountMinor" | "currency" | "occurredAtMs"> &
  Pick<Transaction, "latitude" | "longitude"> &
  FilteredFields &
  CategoryFields &
  EntityIds;
/** The fields of a label that features use. */
export type LabelEvent = Pick<Label, "labelId" | "labelledAtMs" | "occurredAtMs" | "fraud" | "replacedAtMs"> &
  EntityIds & {
    /**
     * Whether the judge entity explains the fraud. Set this only if it is known, or if that entity's state, which
     * normally determines it, is missing.
     */
    readonly explained?: boolean | undefined;
  };

/** States of an event's entities, in the order of the spec; undefined for entities that the event does not name. */
export type EntityStates = readonly (EntityState | undefined)[];

/** `duplicate`: an event with this id was already counted, so nothing has changed. */
export type PaymentResult =
  | { readonly duplicate: true }
  | {
      readonly duplicate: false;
      /** In the order of the spec; always finite. */
      readonly values: number[];
      /** True if the event is too old for every window of one of its entities, so that this entity did not count it. */
      readonly tooLate: boolean;
      /** For each profile of the spec, the time of the row used for the features; 0 if no row was in force. */
      readonly profileTimesMs: number[];
    };

/** Also the result for a payment update. */
export type LabelResult = { readonly duplicate: true } | { readonly duplicate: false; readonly tooLate: boolean };

/** Compiles a spec once, for use with every event. */
export function compileEngine(spec: FeatureSpec): FeatureEngine {
  return new FeatureEngine(spec);
}

/**
 * The features of one spec as code. The parameter `entity` of a method is an index in `entities`. Must not be shared
 * between threads, because calls use the engine's buffers.
 */
export class FeatureEngine {
  readonly longestWindowMs: number;
  /** In the order of the spec. */
  readonly entities: readonly EntityPlan[];
  readonly profiles: readonly ProfilePlan[];
  /** The distinct filters of the features, in the order of `passes` in a view. */
  readonly filters: readonly FilterPlan[];
  /** The distinct categories of the features, in the order of `categories` in a view. */
  readonly categories: readonly CategoryPlan[];
  /** Index of the entity whose unusual payments explain frauds of another (the judge); -1 if the spec has none. */
  readonly judge: number;
  readonly #idOf: readonly IdOfEvent[];
  readonly #features: CompiledFeatures;
  /** The features of an entity that do not depend on a payment. */
  readonly #served: readonly (readonly EntityFeature[])[];
  /** Entities that are partners of another entity, and the hashes of their ids in the current payment. */
  readonly #partnerEntities: ReadonlySet<number>;
  readonly #partnerHashes: number[];
  readonly #view: PaymentView;
  readonly #entityViews: readonly EntityView[];
  readonly #reader = new ByteReader(new Uint8Array());
  readonly #writer = new ByteWriter();
  readonly #id: IdHash = { high: 0, low: 0 };
  readonly #partnerId: IdHash = { high: 0, low: 0 };

  constructor(readonly spec: FeatureSpec) {
    this.longestWindowMs = longestWindowMs(spec);
    this.entities = planEntities(spec);
    this.profiles = planProfiles(spec);
    this.filters = planFilters(spec);
    this.categories = planCategories(spec);
    this.judge = judgeOf(this.entities);
    this.#idOf = this.entities.map((plan) => compileId(plan.fields));
    this.#features = compileFeatures(spec, this.entities, this.longestWindowMs);
    this.#served = this.#features.entities.map((features) =>
      features.filter(({ index }) => spec.features.some((feature, at) => at === index && !needsPayment(feature))),
    );
    this.#partnerEntities = new Set(
      this.entities.flatMap(({ partnerEntity }) => (partnerEntity < 0 ? [] : [partnerEntity])),
    );
    this.#partnerHashes = this.entities.map(() => 0);
    this.#view = {
      atMs: 0,
      own: 1,
      amount: 0,
      thousandths: 0,
      latitude: Number.NaN,
      longitude: Number.NaN,
      profiles: this.profiles.map(() => undefined),
      passes: new Uint8Array(this.filters.length),
      categories: new Float64Array(this.categories.length),
    };
    this.#entityViews = this.entities.map(emptyView);
  }

  /** The ids of an event's entities, in the order of the spec; undefined for entities that the event does not name. */
  entityIds(event: EntityIds): (string | undefined)[] {
    return this.#idOf.map((idOf) => idOf(event));
  }

  /** Same as `entityIds`, but for one entity. */
  entityId(entity: number, event: EntityIds): string | undefined {
    return this.#idOf[entity]?.(event);
  }

  /**
   * Redis keys of the states of an event's entities, in the order of `entityIds`.
   *
   * @param only index of an entity, to return a key only for that entity. Default: all
   * @param found ids, from `updatedEntities` or `labelledEntities`, of entities that the event does not name
   */
  stateKeys(tenant: string, event: EntityIds, only?: number, found: readonly string[] = []): (string | undefined)[] {
    return this.entities.map((plan, entity) => {
      if (only !== undefined && only !== entity) return undefined;
      const id = this.#idOf[entity]?.(event) ?? found[entity];
      return id === undefined || id === "" ? undefined : stateKey(plan, tenant, id);
    });
  }

  /**
   * @param bytes null for an entity that was never seen, whose state is empty
   * @param spent a state of such an entity that is no longer needed; its memory is reused for the result
   * @throws TriplineError `state-unreadable` for another version, another plan, or bytes that are truncated or damaged
   */
  decodeState(entity: number, bytes: Uint8Array | null, spent?: EntityState): EntityState {
    const plan = this.#planOf(entity);
    if (spent !== undefined) clearState(spent);
    const state = spent ?? emptyState(plan);
    if (bytes === null) return state;
    this.#reader.reset(bytes);
    decodeState(plan, this.#reader, state);
    return state;
  }

  /**
   * A state after the erasure of its data subject: only the number of events, from which counting continues.
   *
   * @throws like `decodeState`
   */
  emptiedState(entity: number, bytes: Uint8Array): Uint8Array {
    const { sequence } = this.decodeState(entity, bytes);
    return this.encodeState(entity, { ...this.decodeState(entity, null), sequence });
  }

  encodeState(entity: number, state: EntityState): Uint8Array {
    this.#writer.reset();
    this.writeState(entity, state, this.#writer);
    return this.#writer.copy();
  }

  /** Appends an encoded state to the writer. */
  writeState(entity: number, state: EntityState, writer: ByteWriter): void {
    encodeState(this.#planOf(entity), state, writer);
  }

  /**
   * Computes the features of a payment as known when it took place, and then counts the payment in all its states.
   *
   * @param profiles of its entities; a row that is newer than the payment or too old is ignored
   * @throws TriplineError `invalid-field` for an invalid amount, time or location, before anything changes.
   */
  applyPayment(states: EntityStates, payment: PaymentEvent, profiles: ProfileRows = []): PaymentResult {
    checkPayment(payment);
    hashId(payment.transactionId, this.#id);
    if (states[0]?.recentIds?.has(this.#id)) return { duplicate: true };
    this.#look(states, payment);
    const profileTimesMs = this.#lookAtProfiles(profiles);
    const values = this.#compute(states);
    const view = this.#view;
    const { latitude, longitude } = payment;
    const recent = states[0]?.recentPayments;
    if (recent !== undefined) {
      const ids = this.#planOf(0).remembered.map((entity) => this.#idOf[entity]?.(payment) ?? "");
      recent.add(this.#id, payment.occurredAtMs, ids);
    }
    let tooLate = false;
    for (let entity = 0; entity < this.entities.length; entity += 1) {
      const plan = this.entities[entity];
      const state = states[entity];
      if (plan === undefined || state === undefined) continue;
      state.recentIds?.add(this.#id.high, this.#id.low);
      const partnerHash = this.#partnerHash(plan);
      const { atMs, thousandths: amount, passes } = view;
      const count = { atMs, amount, partnerHash, latitude, longitude, passes };
      if (!countPayment(plan, state, count, this.longestWindowMs)) tooLate = true;
    }
    return { duplicate: false, values, tooLate, profileTimesMs };
  }

  /**
   * Counts a label at the time when it was reported, and removes the label that it replaces from the windows.
   *
   * @throws TriplineError `invalid-field` for an invalid time, before anything changes.
   */
  applyLabel(states: EntityStates, label: LabelEvent): LabelResult {
    requireTime("/labelled_at_ms", label.labelledAtMs);
    requireTime("/occurred_at_ms", label.occurredAtMs);
    hashId(label.labelId, this.#id);
    if (states[0]?.recentIds?.has(this.#id)) return { duplicate: true };
    const { labelledAtMs: atMs, occurredAtMs, fraud, replacedAtMs } = label;
    const explained = label.explained ?? this.explains(states, occurredAtMs);
    let tooLate = false;
    for (const [entity, plan] of this.entities.entries()) {
      const state = states[entity];
      if (state === undefined || !(plan.isLabelled || isFoundBy(plan, fraud))) continue;
      state.recentIds?.add(this.#id.high, this.#id.low);
      const partnerHash = this.#labelledPartner(plan, label);
      const counted = { atMs, occurredAtMs, fraud, explained, replacedAtMs, partnerHash };
      if (!countLabel(plan, state, counted)) tooLate = true;
    }
    return { duplicate: false, tooLate };
  }

  /**
   * The entities of an updated payment, other than the card, that count its updates: their ids in the order of the
   * spec; empty for other entities. The result is empty if the card does not remember the payment.
   */
  updatedEntities(card: EntityState | undefined, { transactionId }: Pick<UpdateEvent, "transactionId">): string[] {
    return this.#recall(card, transactionId, ({ updates }) => updates.length > 0);
  }

  /** Whether labels with this verdict reach entities that they do not name. */
  findsEntities(fraud: boolean): boolean {
    return this.entities.some((plan) => isFoundBy(plan, fraud));
  }

  /** The entities of a labelled payment that its label reaches without naming them, as in `updatedEntities`. */
  labelledEntities(card: EntityState | undefined, transactionId: string, fraud: boolean): string[] {
    return this.findsEntities(fraud) ? this.#recall(card, transactionId, (plan) => isFoundBy(plan, fraud)) : [];
  }

  #recall(card: EntityState | undefined, transactionId: string, counts: (plan: EntityPlan) => boolean): string[] {
    hashId(transactionId, this.#id);
    const found = card?.recentPayments?.find(this.#id);
    if (found === undefined) return [];
    const ids = this.entities.map(() => "");
    for (const [place, entity] of this.#planOf(0).remembered.entries()) {
      if (counts(this.#planOf(entity))) ids[entity] = found[place] ?? "";
    }
    return ids;
  }

  /**
   * Counts a payment update in the state of its card and of the other entities of its payment, if they are known.
   *
   * @throws TriplineError `invalid-field` for an invalid time or amount, before anything changes.
   */
  applyUpdate(states: EntityStates, update: UpdateEvent): LabelResult {
    const { updateId, updatedAtMs, amountMinor = 0, currency } = update;
    requireTime("/updated_at_ms", updatedAtMs);
    requireAmount(amountMinor);
    hashId(updateId, this.#id);
    if (states[0]?.recentIds?.has(this.#id)) return { duplicate: true };
    states[0]?.recentIds?.add(this.#id.high, this.#id.low);
    const thousandths = toThousandths(amountMinor, currencyDecimals(currency));
    let tooLate = false;
    for (const [entity, plan] of this.entities.entries()) {
      const state = states[entity];
      if (state !== undefined && !countUpdate(plan, state, update, thousandths)) tooLate = true;
    }
    return { duplicate: false, tooLate };
  }

  /** Whether a payment at that time was unusual for the judge entity, which explains the fraud. */
  explains(states: EntityStates, occurredAtMs: number): boolean {
    const usual = states[this.judge]?.usual;
    return usual !== undefined && wasUnusual(usual, occurredAtMs);
  }

  /** Names of an entity's features that do not depend on a payment, in the order of the spec. */
  entityFeatures(entity: number): string[] {
    return (this.#served[entity] ?? []).map(({ index }) => this.spec.features[index]?.name ?? "");
  }

  /** Values of `entityFeatures` at a given time, from the events counted so far. */
  readEntity(entity: number, state: EntityState, atMs: number): number[] {
    const view = this.#view;
    const entityView = this.#entityViews[entity];
    if (entityView === undefined) return [];
    view.atMs = atMs;
    view.own = 0;
    view.amount = 0;
    view.thousandths = 0;
    viewEntity(this.#planOf(entity), state, atMs, this.longestWindowMs, undefined, entityView);
    return (this.#served[entity] ?? []).map(({ compute }) => compute(entityView, view));
  }

  /** Fills the views with a payment and the history of its entities before it. */
  #look(states: EntityStates, payment: PaymentEvent): void {
    const view = this.#view;
    const decimals = currencyDecimals(payment.currency);
    view.atMs = payment.occurredAtMs;
    view.own = 1;
    view.amount = payment.amountMinor / 10 ** decimals;
    view.thousandths = toThousandths(payment.amountMinor, decimals);
    for (let filter = 0; filter < this.filters.length; filter += 1) {
      view.passes[filter] = this.filters[filter]?.passes(payment, view.thousandths) === true ? 1 : 0;
    }
    writeCodes(this.categories, payment, view.categories);
    for (const entity of this.#partnerEntities) {
      const id = this.#idOf[entity]?.(payment);
      if (id !== undefined) hashId(id, this.#partnerId);
      this.#partnerHashes[entity] = id === undefined ? NO_PARTNER : this.#partnerId.high;
    }
    const { latitude, longitude } = payment;
    view.latitude = latitude ?? Number.NaN;
    view.longitude = longitude ?? Number.NaN;
    for (let entity = 0; entity < this.entities.length; entity += 1) {
      const plan = this.entities[entity];
      const state = states[entity];
      const entityView = this.#entityViews[entity];
      if (plan === undefined || entityView === undefined || state === undefined) continue;
      const encounter = { passes: view.passes, partnerHash: this.#partnerHash(plan), latitude, longitude };
      viewEntity(plan, state, view.atMs, this.longestWindowMs, encounter, entityView);
    }
  }

  /** Computes all features from the views, in the order of the spec. */
  #compute(states: EntityStates): number[] {
    const view = this.#view;
    const { payment, entities } = this.#features;
    const values = new Array<number>(this.spec.features.length).fill(0);
    for (const { index, compute } of payment) values[index] = compute(view);
    for (let entity = 0; entity < entities.length; entity += 1) {
      const entityView = this.#entityViews[entity];
      const isPresent = states[entity] !== undefined;
      for (const feature of entities[entity] ?? []) {
        values[feature.index] =
          isPresent && entityView !== undefined ? feature.compute(entityView, view) : feature.default;
      }
    }
    return values;
  }

  /** Copies the rows in force to the view. @returns their times */
  #lookAtProfiles(rows: ProfileRows): number[] {
    const view = this.#view;
    return this.profiles.map((plan, index) => {
      const row = rows[index];
      const isUsed = row !== undefined && isInForce(row, view.atMs, plan);
      view.profiles[index] = isUsed ? row.values : undefined;
      return isUsed ? row.atMs : 0;
    });
  }

  /** The hash of the label's partner; `NO_PARTNER` if it names none, or if this entity does not count their frauds. */
  #labelledPartner({ partners, partnerEntity }: EntityPlan, label: LabelEvent): number {
    const id = partners?.frauds === true ? this.#idOf[partnerEntity]?.(label) : undefined;
    if (id === undefined) return NO_PARTNER;
    hashId(id, this.#partnerId);
    return this.#partnerId.high;
  }

  #partnerHash({ partnerEntity }: EntityPlan): number {
    return partnerEntity < 0 ? NO_PARTNER : (this.#partnerHashes[partnerEntity] ?? NO_PARTNER);
  }

  #planOf(entity: number): EntityPlan {
    const plan = this.entities[entity];
    if (plan === undefined) throw new RangeError(`the spec has no entity ${entity}`);
    return plan;
  }
}
