import { transactionId } from "@tripline/contracts/identifiers";
import type { EntityPlan } from "../plan-entities.js";
import { isFoundBy } from "../plan-entities.js";
import type { FeatureEngine } from "./compile-engine.js";
import type { CountedEvent } from "./counted-event.js";
import { stateKeysOf } from "./counted-event.js";
import { wasExplained } from "./explained-fraud.js";
import type { Gap } from "./fill-gaps.js";

export interface UncertainStatesOptions {
  readonly engine: FeatureEngine;
  /** Events that were counted online, but whose records, with their numbers and the entities reached, are missing. */
  readonly lost: readonly CountedEvent[];
  readonly gaps: readonly Gap[];
  /** Whether all lost events were counted at their original positions. */
  readonly isExact: boolean;
}

type LostReport = Exclude<CountedEvent, { kind: "payment" }>;

/**
 * The states that may differ from the online states because records are missing. A state can affect other states in two
 * ways: the judge's state determines which frauds they count, and the card's state determines which entities a label or
 * update reaches. The record of a label or update contains both, so they are unknown only if it is lost or was written
 * by an earlier version.
 */
export class UncertainStates {
  readonly keys: Set<string>;
  readonly #engine: FeatureEngine;
  /** Lost labels and updates, by the id of their payment. */
  readonly #reports: ReadonlyMap<string, readonly LostReport[]>;

  constructor({ engine, lost, gaps, isExact }: UncertainStatesOptions) {
    this.#engine = engine;
    this.keys = new Set(isExact ? [] : gaps.map(({ key }) => key));
    this.#reports = Map.groupBy(
      lost.filter((event) => event.kind !== "payment"),
      paymentIdOf,
    );
    for (const event of isExact ? [] : lost) this.#addAll(stateKeysOf(engine, event));
    for (const event of lost) this.add(event);
  }

  /** Whether `add` can find more uncertain states. */
  get needsEvents(): boolean {
    const [card] = this.#engine.entities;
    const findsOthers = this.#reports.size > 0 && (card?.remembered.length ?? 0) > 0;
    return findsOthers || (this.keys.size > 0 && this.#engine.judge >= 0);
  }

  /** Adds the states that a counted event makes uncertain. Events can be added in any order. */
  add(event: CountedEvent): void {
    if (event.kind === "payment") this.#addReported(event);
    else if (event.kind === "label") this.#addJudged(event);
  }

  /** Adds the entities of a payment that a lost label or update may have reached. */
  #addReported({ vector: { transaction } }: Extract<CountedEvent, { kind: "payment" }>): void {
    if (transaction === undefined) return;
    const reports = this.#reports.get(transaction.transactionId);
    if (reports === undefined) return;
    const { entities } = this.#engine;
    const keys = this.#engine.stateKeys(transaction.tenant, transaction);
    this.#addAll(
      (entities[0]?.remembered ?? []).map((entity) => {
        const plan = entities[entity];
        return plan !== undefined && reports.some((report) => isReached(plan, report)) ? keys[entity] : undefined;
      }),
    );
  }

  /** Adds the entities whose fraud counts depend on an uncertain judge, unless the record contains `explained`. */
  #addJudged(event: Extract<CountedEvent, { kind: "label" }>): void {
    const { entities, judge } = this.#engine;
    if (event.applied.label?.fraud !== true || judge < 0) return;
    if (wasExplained(this.#engine, event.applied) !== undefined) return;
    const keys = stateKeysOf(this.#engine, event);
    if (!this.keys.has(keys[judge] ?? "")) return;
    this.#addAll(keys.filter((_, entity) => entities[entity]?.run?.explainedBy === judge));
  }

  #addAll(keys: readonly (string | undefined)[]): void {
    for (const key of keys) if (key !== undefined) this.keys.add(key);
  }
}

function isReached(plan: EntityPlan, report: LostReport): boolean {
  return report.kind === "update" ? plan.updates.length > 0 : isFoundBy(plan, report.applied.label?.fraud === true);
}

function paymentIdOf({ applied }: LostReport): string {
  if ("update" in applied) return applied.update?.transactionId ?? "";
  return applied.label === undefined ? "" : transactionId(applied.label.tenant, applied.label.clientTransactionId);
}
