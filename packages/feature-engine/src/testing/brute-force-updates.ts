import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { isUpdateKind } from "./brute-force-kinds.js";

/* The oracle's part for the entities of payment updates. It uses no code of the engine. */

interface CountedEvent {
  readonly kind: string;
  readonly id: string;
  /** For an update: the id of its payment. */
  readonly about?: string;
  readonly entities: Readonly<Record<string, string>>;
  readonly atMs: number;
}

const WEEK_MS = 7 * 86_400_000;

/** The card of an update, and the other entities of its payment if the payment is among the last 16 within a week. */
export function updatedEntities(
  spec: FeatureSpec,
  update: CountedEvent,
  counted: readonly CountedEvent[],
): CountedEvent["entities"] {
  let remembered: CountedEvent[] = [];
  for (const event of counted) {
    if (event.kind !== "payment" || event.entities.card !== update.entities.card) continue;
    remembered.push(event);
    const newestMs = Math.max(...remembered.map(({ atMs }) => atMs));
    remembered = remembered.filter(({ atMs }) => newestMs - atMs < WEEK_MS).slice(-16);
  }
  const payment = remembered.find(({ id }) => id === update.about);
  const counting = new Set<string>(
    spec.features.flatMap((feature) => ("entity" in feature && isUpdateKind(feature.kind) ? [feature.entity] : [])),
  );
  const others = Object.entries(payment?.entities ?? {}).filter(([name]) => counting.has(name));
  return { ...Object.fromEntries(others), ...update.entities };
}
