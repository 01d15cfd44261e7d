import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { isLabelKind, isRunKind, isUpdateKind } from "./brute-force-kinds.js";

/* The part of the oracle for the entities of payment updates and labels. It uses no code from the engine. */

interface CountedEvent {
  readonly kind: string;
  readonly id: string;
  /** For an update or a label: the id of its payment. */
  readonly about?: string;
  readonly entities: Readonly<Record<string, string>>;
  readonly atMs: number;
}

const WEEK_MS = 7 * 86_400_000;

/**
 * The entities that an update or label names. If the payment is among the card's last 16 payments within a week, this
 * includes the payment's entities that count the update or label.
 */
export function reportedEntities(
  spec: FeatureSpec,
  report: CountedEvent & { readonly fraud: boolean },
  counted: readonly CountedEvent[],
): CountedEvent["entities"] {
  const counts = ({ kind, ...feature }: Feature): boolean => {
    if (report.kind === "update") return isUpdateKind(kind);
    // A label either names these entities or does not reach them.
    if (["card", "terminal"].includes(String(Reflect.get(feature, "entity")))) return false;
    if (isLabelKind(kind) || isRunKind(kind)) return true;
    const countsFrauds = kind === "days_since_first_fraud" || Reflect.get(feature, "counts") === "fraud";
    return report.fraud && countsFrauds;
  };
  const names = spec.features.flatMap((feature) => ("entity" in feature && counts(feature) ? [feature.entity] : []));
  const payment = names.length === 0 ? undefined : paymentOf(report, counted);
  const others = Object.entries(payment?.entities ?? {}).filter(([name]) => names.includes(name));
  return { ...Object.fromEntries(others), ...report.entities };
}

function paymentOf(report: CountedEvent, counted: readonly CountedEvent[]): CountedEvent | undefined {
  let remembered: CountedEvent[] = [];
  for (const event of counted) {
    if (event.kind !== "payment" || event.entities.card !== report.entities.card) continue;
    remembered.push(event);
    const newestMs = Math.max(...remembered.map(({ atMs }) => atMs));
    remembered = remembered.filter(({ atMs }) => newestMs - atMs < WEEK_MS).slice(-16);
  }
  return remembered.find(({ id }) => id === report.about);
}
