import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { CompiledFeatures, PaymentView } from "@tripline/feature-engine/apply/compile-feature";
import { compileFeatures } from "@tripline/feature-engine/apply/compile-feature";
import { planCategories } from "@tripline/feature-engine/payment-categories";
import { planFilters } from "@tripline/feature-engine/payment-filters";
import type { EntityPlan } from "@tripline/feature-engine/plan-entities";
import { isFound, judgeOf, longestWindowMs, planEntities } from "@tripline/feature-engine/plan-entities";
import { planProfiles } from "@tripline/feature-engine/profiles";
import { EntityFold } from "./entity-fold.js";
import type { EventBlock } from "./event-block.js";
import type { IdOfReference } from "./id-references.js";
import { referencesIn, referencesToPayments } from "./id-references.js";

/** Arrays are indexed by entity of the spec. */
export interface ShareOptions {
  readonly spec: FeatureSpec;
  /** This share of `shares`, from 0. The entity with number n belongs to share n % shares. */
  readonly share: number;
  readonly shares: number;
  /** Number of entities of each kind. */
  readonly counts: readonly number[];
  /** First 32 bits of the hash of each id, by entity number; empty for entities that are not partners. */
  readonly hashes: readonly Uint32Array[];
}

/** The steps in which a block is folded. */
export const FOLD_STEPS = [0, 1, 2] as const;
export type FoldStep = (typeof FOLD_STEPS)[number];

/**
 * One worker's share of a backfill. The work is split by entity: each worker reads every block and folds the events of
 * its own entities. A state depends only on the entity's own events, on which of its frauds another entity explains,
 * and on which payments its cards remember. Therefore, a block is folded in steps: first the entity that explains
 * frauds, then others, and last those that labels reach through a card. All workers finish a step before any worker
 * starts the next one.
 */
export class ShareFold {
  private readonly plans: readonly EntityPlan[];
  /** The step in which each entity is folded. */
  private readonly steps: readonly FoldStep[];
  private readonly features: CompiledFeatures;
  private readonly folds: readonly EntityFold[];
  private readonly payment: PaymentView;
  private readonly profileValues: readonly Float64Array[];

  constructor(private readonly options: ShareOptions) {
    const { spec, share, shares, counts, hashes } = options;
    const horizonMs = longestWindowMs(spec);
    this.plans = planEntities(spec);
    const judge = judgeOf(this.plans);
    this.steps = this.plans.map((plan, entity) => {
      if (entity === judge) return 0;
      return isFound(plan) ? 2 : 1;
    });
    const filters = planFilters(spec).length;
    this.features = compileFeatures(spec, this.plans, horizonMs);
    this.folds = this.plans.map((plan, entity) => {
      const partnerHashes = hashes[plan.partnerEntity] ?? new Uint32Array(0);
      const features = this.features.entities[entity] ?? [];
      const entities = Math.max(0, Math.ceil(((counts[entity] ?? 0) - share) / shares));
      const judges = entity === judge;
      const own = { plan, entity, features, entities, partnerHashes, judges };
      return new EntityFold({ ...own, horizonMs, share, shares, filters });
    });
    this.profileValues = planProfiles(spec).map(({ columns }) => new Float64Array(columns.length).fill(Number.NaN));
    this.payment = {
      atMs: 0,
      own: 1,
      amount: 0,
      thousandths: 0,
      latitude: Number.NaN,
      longitude: Number.NaN,
      profiles: [...this.profileValues],
      passes: new Uint8Array(0),
      categories: new Float64Array(planCategories(spec).length),
    };
  }

  /**
   * Runs one step for this share of a block. All shares together write every row of every column. Blocks must come in
   * time order.
   *
   * @param out by feature of the spec
   */
  fold(step: FoldStep, block: EventBlock, out: readonly Float64Array[]): void {
    for (const [entity, fold] of this.folds.entries()) {
      if (this.steps[entity] === step) fold.fold(block, out);
    }
    if (step === 1) this.#foldPayments(block, out);
  }

  /**
   * Computes, for the rows of this share, the features of the payment itself, and writes defaults where an entity is
   * absent.
   */
  #foldPayments({ payments }: EventBlock, out: readonly Float64Array[]): void {
    const { share, shares } = this.options;
    const { payment } = this;
    const start = Math.floor((payments.length * share) / shares);
    const end = Math.floor((payments.length * (share + 1)) / shares);
    for (let row = start; row < end; row += 1) {
      payment.atMs = payments.atMs[row] ?? 0;
      payment.amount = payments.amounts[row] ?? 0;
      payment.latitude = payments.latitudes[row] ?? Number.NaN;
      payment.longitude = payments.longitudes[row] ?? Number.NaN;
      for (const [profile, values] of this.profileValues.entries()) {
        const columns = payments.profiles[profile] ?? [];
        for (const [place, column] of columns.entries()) values[place] = column[row] ?? Number.NaN;
      }
      for (const [place, codes] of payments.categories.entries()) payment.categories[place] = codes[row] ?? 0;
      for (const { index, compute } of this.features.payment) {
        const column = out[index];
        if (column !== undefined) column[row] = compute(payment);
      }
    }
    for (const [entity, { optional }] of this.plans.entries()) {
      if (optional)
        this.#writeDefaults(payments.numbers[entity], this.features.entities[entity] ?? [], start, end, out);
    }
  }

  #writeDefaults(
    numbers: Int32Array | undefined,
    features: CompiledFeatures["entities"][number],
    start: number,
    end: number,
    out: readonly Float64Array[],
  ): void {
    for (const { index, default: none } of features) {
      const column = out[index];
      for (let row = start; column !== undefined && row < end; row += 1) {
        if ((numbers?.[row] ?? -1) < 0) column[row] = none;
      }
    }
  }

  /**
   * The encoded states of this share's entities of one kind, in order of their numbers. Each is valid until the next
   * one is read.
   *
   * @param idOf if omitted, ids remain references, which are sufficient for a backfill's `restore`
   */
  *states(entity: number, idOf?: IdOfReference): Generator<Uint8Array> {
    for (const [number, fold] of this.#own(entity)) yield fold.encoded(number, idOf);
  }

  /** References to the event ids in the states of this share's entities of one kind. */
  *references(entity: number): Generator<number> {
    if (this.plans[entity]?.recentIds !== true) return;
    for (const [number, fold] of this.#own(entity)) {
      const { recentIds, recentPayments } = fold.stateOf(number);
      if (recentIds !== undefined) yield* referencesIn(recentIds);
      if (recentPayments !== undefined) yield* referencesToPayments(recentPayments);
    }
  }

  /** Loads an encoded state in which ids are references. States of other shares are ignored. */
  restore(entity: number, number: number, bytes: Uint8Array): void {
    const { share, shares } = this.options;
    if (number % shares === share) this.folds[entity]?.restore((number - share) / shares, bytes);
  }

  /** This share's entities of one kind, with their numbers within the share. */
  *#own(entity: number): Generator<readonly [number: number, fold: EntityFold]> {
    const fold = this.folds[entity];
    for (let number = 0; fold !== undefined && number < fold.entities; number += 1) yield [number, fold];
  }
}
