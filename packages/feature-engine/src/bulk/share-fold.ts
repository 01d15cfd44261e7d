import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { judgeOf, planEntities } from "../plan-entities.js";
import type { EntityState } from "../state/entity-state.js";
import { EntityFold } from "./entity-fold.js";
import type { IdOfReference } from "./entity-records.js";
import type { EventBlock } from "./event-block.js";
import type { PaymentFeature } from "./payment-features.js";
import { compilePaymentFeature } from "./payment-features.js";

/** Entities by place in the spec. */
export interface ShareOptions {
  readonly spec: FeatureSpec;
  /** This share of `shares`, from 0. The entity with number n belongs to share n % shares. */
  readonly share: number;
  readonly shares: number;
  /** How many there are of each entity. */
  readonly counts: readonly number[];
  /** First 32 bits of the hashes of their ids, by number; empty for entities that are not partners. */
  readonly hashes: readonly Uint32Array[];
}

/** Steps in which a block is folded. */
export const FOLD_STEPS = [0, 1] as const;
export type FoldStep = (typeof FOLD_STEPS)[number];

/**
 * One of several workers' share of a bulk fold. The work is split by entity: each worker looks at every block and folds the
 * events of its own entities. What an entity knows depends on its own events, and on one thing more: which of its frauds
 * another entity explains. That one goes first, so a block is folded in two steps, and the second of any worker begins
 * after the first of all.
 *
 * Features and states are those of a `FeatureEngine` that is given the same events one by one in order of time.
 */
export class ShareFold {
  /** Place of the entity that is folded in the first step; -1 for none. */
  private readonly judge: number;
  private readonly folds: readonly EntityFold[];
  private readonly own: readonly { readonly index: number; readonly write: PaymentFeature }[];
  private readonly defaults: readonly { readonly index: number; readonly entity: number; readonly value: number }[];

  constructor(private readonly options: ShareOptions) {
    const { spec, share, shares, counts, hashes } = options;
    const plans = planEntities(spec);
    const names = plans.map((plan) => plan.name);
    this.judge = judgeOf(plans);
    this.folds = plans.map((plan, entity) => {
      const judges = entity === this.judge;
      const partnerHashes = hashes[plan.partners?.entity ?? -1] ?? new Uint32Array(0);
      return new EntityFold({
        spec,
        plan,
        entity,
        partnerHashes,
        judges,
        ...localNumbers(counts[entity] ?? 0, share, shares),
      });
    });
    this.own = spec.features.flatMap((feature, index) =>
      "entity" in feature && feature.kind !== "profile" ? [] : [{ index, write: compilePaymentFeature(feature, spec) }],
    );
    this.defaults = spec.features.flatMap((feature, index) => {
      const entity = "entity" in feature ? names.indexOf(feature.entity) : -1;
      return plans[entity]?.optional === true ? [{ index, entity, value: feature.default }] : [];
    });
  }

  /**
   * Folds this share of a block, one step of it. The shares together write every row of every column. Blocks come in order
   * of time.
   *
   * @param out by feature of the spec
   * @throws RangeError for an event that is older than the one before it
   */
  fold(step: FoldStep, block: EventBlock, out: readonly Float64Array[]): void {
    const { share, shares, spec } = this.options;
    const turn = Math.floor((spec.features.length * share) / shares);
    for (const [entity, fold] of this.folds.entries()) {
      if ((entity === this.judge) === (step === 0)) fold.fold(block, out, turn);
    }
    if (step === 1) this.#foldOwn(block, out);
  }

  /** Features of the payments themselves, and the defaults of those without some entity. */
  #foldOwn(block: EventBlock, out: readonly Float64Array[]): void {
    const { share, shares } = this.options;
    const { payments } = block;
    const start = Math.floor((payments.length * share) / shares);
    const end = Math.floor((payments.length * (share + 1)) / shares);
    for (const { index, write } of this.own) {
      const column = out[index];
      if (column !== undefined) write(payments, start, end, column);
    }
    for (const { index, entity, value } of this.defaults) {
      const [column, numbers] = [out[index], payments.numbers[entity]];
      for (let row = start; column !== undefined && row < end; row += 1) {
        if ((numbers?.[row] ?? -1) < 0) column[row] = value;
      }
    }
  }

  /** States of this share's entities of one kind as the engine would have them, with the entities' numbers. */
  *states(entity: number, idOf: IdOfReference): Generator<readonly [number: number, state: EntityState]> {
    const { share, shares, counts } = this.options;
    let local = 0;
    for (let number = share; number < (counts[entity] ?? 0); number += shares) {
      const state = this.folds[entity]?.records.stateOf(local, idOf);
      if (state !== undefined) yield [number, state];
      local += 1;
    }
  }

  /** References to the events whose ids are in the states of this share's entities of one kind. */
  *references(entity: number): Generator<number> {
    const { share, shares, counts } = this.options;
    const locals = Math.ceil(((counts[entity] ?? 0) - share) / shares);
    for (let local = 0; local < locals; local += 1) yield* this.folds[entity]?.records.referencesOf(local) ?? [];
  }

  /** Takes up a state in which ids are references, see `wordsOf`. A state of another share is left to that. */
  restore(entity: number, number: number, state: EntityState): void {
    const { share, shares } = this.options;
    if (number % shares === share) this.folds[entity]?.records.restore(Math.floor(number / shares), state);
  }
}

function localNumbers(count: number, share: number, shares: number): { localOf: Int32Array; locals: number } {
  const localOf = new Int32Array(count).fill(-1);
  let locals = 0;
  for (let number = share; number < count; number += shares) {
    localOf[number] = locals;
    locals += 1;
  }
  return { localOf, locals };
}
