import type { AppliedLabel } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { CountedEvent } from "./counted-event.js";
import { isIncomplete } from "./counted-event.js";

/**
 * What the first entity of a spec decides for the other entities of an event, where `FoldInOrder` folds them apart: whether
 * it explains a fraud, and that it had counted the event before. Needs a spec whose judge, if any, is the first entity.
 */
export class FoldDecisions {
  readonly #explained: Set<string>;
  readonly #dropped = new Set<string>();
  readonly #deferred = new Set<string>();

  /** @param explained as given by `explained` of an earlier fold */
  constructor(explained: readonly string[] = []) {
    this.#explained = new Set(explained);
  }

  explain(applied: AppliedLabel): void {
    this.#explained.add(nameOf({ kind: "label", applied }));
  }

  isExplained(applied: AppliedLabel): boolean {
    return this.#explained.has(nameOf({ kind: "label", applied }));
  }

  /** Those of the labels that were explained. */
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

  /** Whether the other entities can count an event. Their numbers show whether they have counted one with a number before. */
  isDecided(event: CountedEvent): boolean {
    if (isIncomplete(event)) return !this.isDropped(event);
    return event.kind === "payment" || !this.#deferred.has(nameOf(event));
  }
}

/** An event that a client repeats late counts once more, under other numbers. */
function nameOf(event: CountedEvent): string {
  const id = event.kind === "payment" ? event.vector.transaction?.transactionId : event.applied.label?.labelId;
  const [number = 0] = event.kind === "payment" ? event.vector.sequences : event.applied.sequences;
  return isIncomplete(event) ? `${id}` : `${id} ${number}`;
}
