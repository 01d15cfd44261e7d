import type { EventBlock } from "@tripline/feature-engine/bulk/event-block";
import { compilePaymentFeature } from "@tripline/feature-engine/bulk/payment-features";
import type { ShareOptions } from "@tripline/feature-engine/bulk/share-fold";
import type { PaymentView } from "@tripline/feature-engine/online/compile-feature";
import { compileFeature } from "@tripline/feature-engine/online/compile-feature";
import { countLabel, countPayment } from "@tripline/feature-engine/online/count-event";
import { emptyView, viewEntity } from "@tripline/feature-engine/online/view-entity";
import { judgeOf, longestWindowMs, planEntities } from "@tripline/feature-engine/plan-entities";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { emptyState } from "@tripline/feature-engine/state/entity-state";
import { wasUnusual } from "@tripline/feature-engine/state/usual-amount";

const WORD = 2 ** 32;

/**
 * What would take the place of `ShareFold`: blocks of events folded with the functions of the online engine, event by
 * event, sharded by entity in the same way. States stay decoded, ids are numbers, nothing is stored.
 */
export class OnlineShare {
  readonly #plans;
  readonly #judge: number;
  readonly #horizonMs: number;
  readonly #states: (EntityState | undefined)[][];
  readonly #features;
  readonly #own;
  readonly #view: PaymentView;

  constructor(private readonly options: ShareOptions) {
    const { spec, counts } = options;
    const plans = planEntities(spec);
    this.#plans = plans;
    this.#judge = judgeOf(plans);
    this.#horizonMs = longestWindowMs(spec);
    this.#states = counts.map(() => []);
    this.#view = {
      atMs: 0,
      own: 1,
      amount: 0,
      thousandths: 0,
      latitude: Number.NaN,
      longitude: Number.NaN,
      entities: plans.map(emptyView),
      profiles: [],
    };
    this.#features = plans.map((plan) =>
      spec.features.flatMap((feature, index) => {
        if (!("entity" in feature) || feature.entity !== plan.name) return [];
        return [{ index, default: feature.default, compute: compileFeature(feature, spec, plans, this.#horizonMs) }];
      }),
    );
    this.#own = spec.features.flatMap((feature, index) =>
      "entity" in feature ? [] : [{ index, write: compilePaymentFeature(feature, spec) }],
    );
  }

  /** As `ShareFold.fold`. */
  fold(step: 0 | 1, block: EventBlock, out: readonly Float64Array[]): void {
    for (let entity = 0; entity < this.#plans.length; entity += 1) {
      if ((entity === this.#judge) === (step === 0)) this.#foldEntities(entity, block, out);
    }
    if (step === 0 || this.options.share > 0) return;
    for (const { index, write } of this.#own) write(block.payments, 0, block.payments.length, out[index] ?? NO_COLUMN);
  }

  #foldEntities(entity: number, { payments, labels }: EventBlock, out: readonly Float64Array[]): void {
    const { share, shares } = this.options;
    const [paid = NO_NUMBERS, known = NO_NUMBERS] = [payments.numbers[entity], labels.numbers[entity]];
    let label = 0;
    for (let row = 0; row <= payments.length; row += 1) {
      const atMs = row < payments.length ? (payments.atMs[row] ?? 0) : Number.POSITIVE_INFINITY;
      for (; label < labels.length && (labels.atMs[label] ?? 0) <= atMs; label += 1) {
        const number = known[label] ?? -1;
        if (number >= 0 && number % shares === share) this.#countLabel(entity, number, labels, label);
      }
      if (row === payments.length) break;
      const number = paid[row] ?? -1;
      if (number < 0) for (const feature of this.#features[entity] ?? []) put(out, feature.index, row, feature.default);
      else if (number % shares === share) this.#countPayment(entity, number, payments, row, out);
    }
  }

  #countLabel(entity: number, number: number, labels: EventBlock["labels"], row: number): void {
    const [plan, state] = this.#open(entity, number);
    const occurredAtMs = labels.occurredAtMs[row] ?? 0;
    if (entity === this.#judge) {
      labels.explained[row] = state.usual !== undefined && wasUnusual(state.usual, occurredAtMs) ? 1 : 0;
    }
    remember(state, labels.references[row] ?? 0);
    const explained = labels.explained[row] === 1;
    countLabel(plan, state, { atMs: labels.atMs[row] ?? 0, occurredAtMs, fraud: labels.frauds[row] === 1, explained });
  }

  #countPayment(
    entity: number,
    number: number,
    payments: EventBlock["payments"],
    row: number,
    out: readonly Float64Array[],
  ): void {
    const [plan, state, entityView] = this.#open(entity, number);
    const view = this.#view;
    view.atMs = payments.atMs[row] ?? 0;
    view.amount = payments.amounts[row] ?? 0;
    view.thousandths = payments.thousandths[row] ?? 0;
    const partners = plan.partners?.entity ?? -1;
    const partnerHash = this.options.hashes[partners]?.[payments.numbers[partners]?.[row] ?? -1] ?? 0;
    const [latitude, longitude] = [degrees(payments.latitudes[row]), degrees(payments.longitudes[row])];
    const { atMs, thousandths: amount } = view;
    viewEntity(plan, state, atMs, this.#horizonMs, { partnerHash, latitude, longitude }, entityView);
    for (const { index, compute } of this.#features[entity] ?? []) put(out, index, row, compute(view));
    remember(state, payments.firstReference + row * 2);
    countPayment(plan, state, { atMs, amount, partnerHash, latitude, longitude }, this.#horizonMs);
  }

  #open(entity: number, number: number) {
    const [plan, states, view] = [this.#plans[entity], this.#states[entity], this.#view.entities[entity]];
    if (plan === undefined || states === undefined || view === undefined) throw new RangeError(`no entity ${entity}`);
    states[number] ??= emptyState(plan);
    return [plan, states[number], view] as const;
  }
}

const NO_NUMBERS = new Int32Array(0);
const NO_COLUMN = new Float64Array(0);

function put(out: readonly Float64Array[], index: number, row: number, value: number): void {
  const column = out[index];
  if (column !== undefined) column[row] = value;
}

function remember(state: EntityState, reference: number): void {
  state.recentIds?.add(Math.floor(reference / WORD), reference % WORD);
}

function degrees(value: number | undefined): number | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : value;
}
