import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { isLabelKind, isRunKind, isUpdateKind } from "./brute-force-kinds.js";

/* The oracle's part for the entities of payment updates and of labels. It uses no code of the engine. */

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
 * The entities that an update or a label names, and those of its payment that count it if the payment is among the
 * card's last 16 within a week.
 */
export function reportedEntities(
  spec: FeatureSpec,
  report: CountedEvent & { readonly fraud: boolean },
  counted: readonly CountedEvent[],
): CountedEvent["entities"] {
  const counts = ({ kind, ...feature }: Feature): boolean => {
    if (report.kind === "update") return isUpdateKind(kind);
    // A label itself names these, or does not reach them.
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
