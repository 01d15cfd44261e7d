import type { AppliedLabel } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { CountedEvent } from "./counted-event.js";
import { isIncomplete } from "./counted-event.js";

/** Decisions by the names of their events, for a fold in several threads or processes. */
export interface DecisionNames {
  readonly explained: readonly string[];
  readonly dropped: readonly string[];
  readonly deferred: readonly string[];
}

/**
 * The decisions of a spec's first entity about events. If `FoldInOrder` folds the entities separately, the other
 * entities need to know whether the first one explained a fraud, and whether it had already counted an event. If the
 * spec has a judge, the judge must be the first entity.
 */
export class FoldDecisions {
  readonly #explained: Set<string>;
  readonly #dropped = new Set<string>();
  readonly #deferred = new Set<string>();

  /** @param explained what `explained` returned in an earlier fold */
  constructor(explained: readonly string[] = []) {
    this.#explained = new Set(explained);
  }

  names(): DecisionNames {
    return { explained: [...this.#explained], dropped: [...this.#dropped], deferred: [...this.#deferred] };
  }

  add({ explained, dropped, deferred }: DecisionNames): void {
    for (const name of explained) this.#explained.add(name);
    for (const name of dropped) this.#dropped.add(name);
    for (const name of deferred) this.#deferred.add(name);
  }

  explain(applied: AppliedLabel): void {
    this.#explained.add(nameOf({ kind: "label", applied }));
  }

  isExplained(applied: AppliedLabel): boolean {
    return this.#explained.has(nameOf({ kind: "label", applied }));
  }

  /** The names of the labels among `events` that were explained. */
  explained(events: readonly CountedEvent[]): string[] {
    return events.map(nameOf).filter((name) => this.#explained.has(name));
  }

  drop(event: CountedEvent): void {
    this.#dropped.add(nameOf(event));
  }

  isDropped(event: CountedEvent): boolean {
    return this.#dropped.has(nameOf(event));
  }

  /** Marks the event as undecided, because the first entity is still waiting for an earlier event. */
  defer(event: CountedEvent): void {
    this.#deferred.add(nameOf(event));
  }

  /** Whether the other entities may count the event. If it has numbers, these show whether they already counted it. */
  isDecided(event: CountedEvent): boolean {
    if (isIncomplete(event)) return !this.isDropped(event);
    return event.kind !== "label" || !this.#deferred.has(nameOf(event));
  }
}

/** Includes the number, because a late retry by a client is counted again, under a different number. */
function nameOf(event: CountedEvent): string {
  const [number = 0] = event.kind === "payment" ? event.vector.sequences : event.applied.sequences;
  return isIncomplete(event) ? `${idOf(event)}` : `${idOf(event)} ${number}`;
}

function idOf(event: CountedEvent): string | undefined {
  switch (event.kind) {
    case "payment":
      return event.vector.transaction?.transactionId;
    case "label":
      return event.applied.label?.labelId;
    case "update":
      return event.applied.update?.updateId;
  }
}
