import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { SkipReason } from "@tripline/decision-engine/backtest/reopen-payment";

/** Maximum number of differing decisions that are shown in full. */
const EXAMPLES_MAX = 5;

/** A decision that should have been identical but was not. */
export interface Difference {
  readonly transactionId: string;
  readonly fields: readonly { readonly field: string; readonly archived: string; readonly replayed: string }[];
}

/** Decisions by original and new outcome. Amounts are per currency, in minor units. */
export interface Transition {
  rows: number;
  frauds: number;
  genuine: number;
  readonly amounts: Map<string, number>;
}

/** How often a reason was given. */
export interface ReasonCount {
  archived: number;
  replayed: number;
  added: number;
  removed: number;
}

/** Payments in one currency whose amounts have the same power of ten. */
export interface AmountBand {
  rows: number;
  stricter: number;
  milder: number;
  stricterMinor: number;
  milderMinor: number;
}

/** The counts of a replay. Plain data, so that it can be passed between threads. */
export interface ReplayTally {
  /** Replayed decisions. */
  rows: number;
  /** Decisions replayed with the same versions, and how many of them are identical. */
  sameVersions: number;
  identical: number;
  readonly differences: Difference[];
  /** Decisions that are identical except for the wording of another release, by wording version. */
  readonly reworded: Map<string, number>;
  /** How many of `rows` did not reach the model because of an outage, originally and therefore in the replay. */
  degraded: number;
  /** How many of `rows` were not approved and were decided before their explanation was ready. */
  unexplained: number;
  /** By reason, and by what was missing. */
  readonly skipped: Map<SkipReason, Map<string, number>>;
  /** Decisions replayed with a different policy version, by archived version. */
  readonly otherPolicies: Map<string, number>;
  /** Decisions replayed with a different model version, by archived version. */
  readonly otherModels: Map<string, number>;
  /** By archived outcome, then by the new one. */
  readonly transitions: Map<number, Map<number, Transition>>;
  readonly reasons: Map<string, ReasonCount>;
  /** By currency, then by the exponent of ten in major units. */
  readonly amounts: Map<string, Map<number, AmountBand>>;
}

export function emptyTally(): ReplayTally {
  return {
    rows: 0,
    sameVersions: 0,
    identical: 0,
    differences: [],
    reworded: new Map(),
    degraded: 0,
    unexplained: 0,
    skipped: new Map(),
    otherPolicies: new Map(),
    otherModels: new Map(),
    transitions: new Map(),
    reasons: new Map(),
    amounts: new Map(),
  };
}

export function skip(tally: ReplayTally, reason: SkipReason, what: string, rows = 1): void {
  count(
    entry(tally.skipped, reason, () => new Map<string, number>()),
    what,
    rows,
  );
}

export function differ(tally: ReplayTally, archived: Decision, replayed: Decision): void {
  if (tally.differences.length >= EXAMPLES_MAX) return;
  const [before, after] = [fieldsOf(archived), fieldsOf(replayed)];
  const names = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
  const fields = names.map((field) => ({
    field,
    archived: before.get(field) ?? "absent",
    replayed: after.get(field) ?? "absent",
  }));
  tally.differences.push({ transactionId: archived.transactionId, fields });
}

/** Adds the counts of a thread. */
export function addTally(to: ReplayTally, more: ReplayTally): void {
  to.rows += more.rows;
  to.sameVersions += more.sameVersions;
  to.identical += more.identical;
  to.degraded += more.degraded;
  to.unexplained += more.unexplained;
  to.differences.push(...more.differences.slice(0, EXAMPLES_MAX - to.differences.length));
  for (const [reason, whats] of more.skipped) for (const [what, rows] of whats) skip(to, reason, what, rows);
  for (const [version, rows] of more.reworded) count(to.reworded, version, rows);
  for (const [version, rows] of more.otherPolicies) count(to.otherPolicies, version, rows);
  for (const [version, rows] of more.otherModels) count(to.otherModels, version, rows);
  for (const [from, ends] of more.transitions) {
    for (const [end, { amounts, ...counts }] of ends) {
      const into = transitionOf(to, from, end);
      addCounts<keyof typeof counts>(into, counts);
      for (const [currency, minor] of amounts) count(into.amounts, currency, minor);
    }
  }
  for (const [code, counts] of more.reasons) addCounts(reasonOf(to, code), counts);
  for (const [currency, bands] of more.amounts) {
    for (const [exponent, band] of bands) addCounts(bandOf(to, currency, exponent), band);
  }
}

export function transitionOf(tally: ReplayTally, from: number, to: number): Transition {
  const ends = entry(tally.transitions, from, () => new Map<number, Transition>());
  return entry(ends, to, () => ({ rows: 0, frauds: 0, genuine: 0, amounts: new Map() }));
}

export function reasonOf(tally: ReplayTally, code: string): ReasonCount {
  return entry(tally.reasons, code, () => ({ archived: 0, replayed: 0, added: 0, removed: 0 }));
}

export function bandOf(tally: ReplayTally, currency: string, exponent: number): AmountBand {
  const bands = entry(tally.amounts, currency, () => new Map<number, AmountBand>());
  return entry(bands, exponent, () => ({ rows: 0, stricter: 0, milder: 0, stricterMinor: 0, milderMinor: 0 }));
}

export function count(counts: Map<string, number>, key: string, more = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}

/** The fields by name, as strings that are equal if the values are equal. */
function fieldsOf(decision: Decision): Map<string, string> {
  return new Map(Object.entries(decision).map(([name, value]) => [name, JSON.stringify(value) ?? "absent"]));
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

function addCounts<K extends string>(into: Record<K, number>, more: Readonly<Record<K, number>>): void {
  for (const key of Object.keys(more) as K[]) into[key] += more[key];
}
