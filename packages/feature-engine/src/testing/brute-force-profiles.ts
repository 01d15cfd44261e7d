import { currencyDecimals } from "@tripline/contracts/currency";
import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { distanceKm, vectorOf } from "./brute-force-places.js";

/** The oracle's profiles, computed directly from the events of earlier days, and the features based on them. */
export interface OracleProfile {
  readonly atMs: number;
  readonly columns: Readonly<Record<string, number | null>>;
}

/** The fields of a test event that profiles use. */
interface ProfiledEvent {
  readonly kind: "payment" | "label" | "update";
  readonly entities: Readonly<Record<string, string>>;
  readonly atMs: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly fraud: boolean;
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
  readonly profiles?: Readonly<Record<string, OracleProfile>>;
}

const DAY_MS = 86_400_000;

export function profileFeature(
  spec: FeatureSpec,
  feature: Extract<Feature, { kind: "profile" }>,
  event: ProfiledEvent,
): number {
  const profile = event.profiles?.[feature.entity];
  const ageMs = event.atMs - (profile?.atMs ?? 0);
  if (profile === undefined || ageMs < 0 || ageMs > (spec.profiles[feature.entity]?.max_age ?? 0))
    return feature.default;
  const { columns } = profile;
  if (feature.measure === "distance") {
    const latitude = columns[`${feature.column}_latitude`] ?? undefined;
    const from = vectorOf({ latitude, longitude: columns[`${feature.column}_longitude`] ?? undefined });
    return from === undefined ? feature.default : (distanceKm(from, event) ?? feature.default);
  }
  const value = columns[feature.column];
  if (value === null || value === undefined) return feature.default;
  if (feature.measure !== "days_since") return value;
  return value > event.atMs ? feature.default : (event.atMs - value) / DAY_MS;
}

/** Adds to each payment the profiles of packages/contracts/profiles as known when the payment took place. */
export function withProfiles<E extends ProfiledEvent>(events: readonly E[]): E[] {
  return events.map((event) => {
    if (event.kind === "label") return event;
    const card = profileOf(events, event, "card", cardColumns);
    const terminal = profileOf(events, event, "terminal", terminalColumns);
    return { ...event, profiles: { ...(card && { card }), ...(terminal && { terminal }) } };
  });
}

function profileOf(
  events: readonly ProfiledEvent[],
  event: ProfiledEvent,
  entity: "card" | "terminal",
  columnsOf: (past: readonly ProfiledEvent[]) => OracleProfile["columns"],
): OracleProfile | undefined {
  if (!(entity in event.entities)) return undefined;
  const today = Math.floor(event.atMs / DAY_MS);
  const past = events.filter((other) => {
    const counts = entity === "terminal" || other.kind === "payment";
    return counts && other.entities[entity] === event.entities[entity] && Math.floor(other.atMs / DAY_MS) < today;
  });
  const lastDay = Math.max(...past.map(({ atMs }) => Math.floor(atMs / DAY_MS)));
  return past.length === 0 ? undefined : { atMs: (lastDay + 1) * DAY_MS, columns: columnsOf(past) };
}

function cardColumns(past: readonly ProfiledEvent[]): OracleProfile["columns"] {
  const placed = past.filter(({ latitude, longitude }) => latitude !== undefined && longitude !== undefined);
  const mean = (values: readonly (number | undefined)[]) =>
    values.length === 0 ? null : sum(values.map((value) => Math.round((value ?? 0) * 1e6))) / values.length / 1e6;
  return {
    card_first_paid_ms: Math.min(...past.map(({ atMs }) => atMs)),
    card_amount_mean_total: meanAmount(past),
    card_home_latitude: mean(placed.map(({ latitude }) => latitude)),
    card_home_longitude: mean(placed.map(({ longitude }) => longitude)),
  };
}

function terminalColumns(past: readonly ProfiledEvent[]): OracleProfile["columns"] {
  const payments = past.filter(({ kind }) => kind === "payment");
  const labels = past.filter(({ kind }) => kind === "label");
  return {
    terminal_payments_total: payments.length,
    terminal_amount_mean_total: meanAmount(payments),
    terminal_fraud_rate_total: labels.length === 0 ? null : labels.filter(({ fraud }) => fraud).length / labels.length,
  };
}

function meanAmount(payments: readonly ProfiledEvent[]): number | null {
  if (payments.length === 0) return null;
  const thousandths = payments.map(({ amountMinor, currency }) =>
    Math.round(amountMinor * 10 ** (3 - currencyDecimals(currency))),
  );
  return sum(thousandths) / 1000 / payments.length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
