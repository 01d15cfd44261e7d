import type { CountedEvent } from "./counted-event.js";
import { countedAtMsOf } from "./counted-event.js";
import type { Gap } from "./fill-gaps.js";

export interface NumberLostOptions {
  /** Events that were counted online but whose records, and therefore numbers, are missing. */
  readonly lost: readonly CountedEvent[];
  /** For each entity of the spec, the state key of an event. */
  keysOf(event: CountedEvent): readonly (string | undefined)[];
  /** The missing numbers. */
  readonly gaps: readonly Gap[];
  /** The highest number of an entity that occurs in a record; 0 if there is none. */
  lastNumberOf(key: string): number;
  /** Whether some events were counted while states were lost, so that their numbers leave no gaps. */
  readonly isAnyIncomplete: boolean;
}

export interface NumberedEvent {
  readonly event: CountedEvent;
  /** Wall-clock time of the next event of any of its entities; Infinity if there is none. */
  readonly beforeMs: number;
}

/**
 * Assigns sequence numbers to lost events. In each of its entities, an event gets the only missing number, or the
 * number after the last one, provided that no other lost event could have this number.
 *
 * @returns undefined if an event has several candidates or a gap has none, because the order is then unknown
 */
export function numberLost(options: NumberLostOptions): readonly NumberedEvent[] | undefined {
  const { lost, keysOf, isAnyIncomplete } = options;
  const gaps = Map.groupBy(options.gaps, ({ key }) => key);
  const taken = new Set<string>();
  const numbered: NumberedEvent[] = [];
  for (const event of lost) {
    const keys = keysOf(event);
    const known = keys.filter((key) => key !== undefined);
    if (known.some((key) => taken.has(key) || (gaps.get(key)?.length ?? 0) > 1)) return undefined;
    if (isAnyIncomplete && !known.some((key) => gaps.has(key))) return undefined;
    for (const key of known) taken.add(key);
    const numbers = keys.map((key) => {
      if (key === undefined) return 0;
      return gaps.get(key)?.[0]?.number ?? options.lastNumberOf(key) + 1;
    });
    const beforeMs = Math.min(...known.flatMap((key) => gaps.get(key) ?? []).map((gap) => gap.beforeMs));
    // It is unknown when the service counted the event. The time of the next event is a better estimate than the time
    // of the record.
    const atMs = Number.isFinite(beforeMs) ? beforeMs : countedAtMsOf(event);
    numbered.push({ event: withPlace(event, numbers, atMs), beforeMs });
  }
  return [...gaps.keys()].every((key) => taken.has(key)) ? numbered : undefined;
}

function withPlace(event: CountedEvent, sequences: number[], atMs: number): CountedEvent {
  if (event.kind === "payment") return { ...event, vector: { ...event.vector, sequences, computedAtMs: atMs } };
  const place = { sequences, appliedAtMs: atMs };
  return event.kind === "label"
    ? { kind: "label", applied: { ...event.applied, ...place } }
    : { kind: "update", applied: { ...event.applied, ...place } };
}
