import type { AppliedLabel } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { CountedEvent } from "./counted-event.js";
import { isIncomplete } from "./counted-event.js";

/**
 * Decisions of a spec's first entity that the other entities of an event need when `FoldInOrder` folds them separately: whether
 * it explains a fraud, and whether it had already counted the event. If the spec has a judge, it must be the first entity.
 */
export class FoldDecisions {
  readonly #explained: Set<string>;
  readonly #dropped = new Set<string>();
  readonly #deferred = new Set<string>();

  /** @param explained the result of `explained` in an earlier fold */
  constructor(explained: readonly string[] = []) {
    this.#explained = new Set(explained);
  }

  explain(applied: AppliedLabel): void {
    this.#explained.add(nameOf({ kind: "label", applied }));
  }

  isExplained(applied: AppliedLabel): boolean {
    return this.#explained.has(nameOf({ kind: "label", applied }));
  }

  /** The names of those labels that were explained. */
  explained(labels: readonly CountedEvent[]): string[] {
    return labels.map(nameOf).filter((name) => this.#explained.has(name));
  }

  drop(event: CountedEvent): void {
    this.#dropped.add(nameOf(event));
  }

  isDropped(event: CountedEvent): boolean {
    return this.#dropped.has(nameOf(event));
  }

  /** The first entity waits for an earlier event, so it has decided nothing about this one. */
  defer(event: CountedEvent): void {
    this.#deferred.add(nameOf(event));
  }

  /** Whether the other entities can count an event. If it has numbers, these show whether they already have. */
  isDecided(event: CountedEvent): boolean {
    if (isIncomplete(event)) return !this.isDropped(event);
    return event.kind === "payment" || !this.#deferred.has(nameOf(event));
  }
}

/** Includes the number, because a late client retry counts a second time, with different numbers. */
function nameOf(event: CountedEvent): string {
  const id = event.kind === "payment" ? event.vector.transaction?.transactionId : event.applied.label?.labelId;
  const [number = 0] = event.kind === "payment" ? event.vector.sequences : event.applied.sequences;
  return isIncomplete(event) ? `${id}` : `${id} ${number}`;
}
