import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Case, Demand } from "./conditions/condition-cases.js";
import { casesOf } from "./conditions/condition-cases.js";
import type { Policy, Rule } from "./policy.js";
import { LISTS, SCORE } from "./policy-variables.js";

export interface IdleRules {
  /** Ids of rules whose condition can never be true. */
  readonly neverFire: readonly string[];
  /** Rules that change no outcome, because whenever they fire, another rule that is at least as strict also fires. */
  readonly covered: readonly { readonly id: string; readonly by: string }[];
  /** Whether there were too many rules to compare them all; each rule was still checked on its own. */
  readonly isCutShort: boolean;
}

/**
 * Maximum number of compared pairs of cases: 0.1 s if each case has one requirement. 100 rules with a few cases each
 * need a tenth of that.
 */
const COMPARISONS_MAX = 1_000_000;

interface Range {
  readonly low: number;
  readonly lowIsOpen: boolean;
  readonly high: number;
  readonly highIsOpen: boolean;
}

/** Known facts about the variables if a case is true. */
interface Facts {
  readonly numbers: Map<string, Range>;
  readonly allowed: Map<string, ReadonlySet<string>>;
  readonly excluded: Map<string, Set<string>>;
  readonly flags: Map<string, boolean>;
}

const EVERYTHING: Range = { low: -Infinity, lowIsOpen: false, high: Infinity, highIsOpen: false };
const SHARE: Range = { ...EVERYTHING, low: 0, high: 1 };
const NOT_NEGATIVE: Range = { ...EVERYTHING, low: 0 };

/** Possible values of a feature besides its default, by kind. For other kinds, nothing is assumed. */
const RANGES_BY_KIND: ReadonlyMap<string, Range> = new Map([
  ...["count", "distinct", "neighbours", "fraud_count", "unusual_count", "run_count", "pair_count"].map(
    (kind) => [kind, NOT_NEGATIVE] as const,
  ),
  ...["fraud_rate", "fraud_risk", "is_weekend", "is_night", "pair_is_new"].map((kind) => [kind, SHARE] as const),
]);

/**
 * Rules that are provably useless. The list may be incomplete: conditions are compared by their ranges of numbers, sets
 * of texts and other requirements, and two different arithmetic expressions count as unrelated.
 */
export function findIdleRules({ rules }: Pick<Policy, "rules">, spec: FeatureSpec): IdleRules {
  const ranges = knownRanges(spec);
  const known = rules.map((rule) => ({
    rule,
    cases: casesOf(rule.when)?.flatMap((one) => factsOf(one, ranges) ?? []),
  }));
  const neverFire = known.filter(({ cases }) => cases?.length === 0).map(({ rule }) => rule.id);
  const alive = known.flatMap(({ rule, cases }) =>
    cases === undefined || cases.length === 0 ? [] : [{ rule, cases }],
  );
  let left = COMPARISONS_MAX;
  /** Whether one of `others` is true whenever one of `some` is. */
  const implies = (some: readonly Facts[], others: readonly Facts[]): boolean => {
    left -= some.length * others.length;
    return left >= 0 && some.every((one) => others.some((other) => isWithin(one, other)));
  };
  const covered = alive.flatMap(({ rule, cases }, index) => {
    const by = alive.find((other, at) => {
      if (other.rule === rule || !countsAsMuch(other.rule, rule)) return false;
      // If two rules cover each other, only the second is reported, so the first is kept.
      if (!implies(cases, other.cases)) return false;
      return at < index || !countsAsMuch(rule, other.rule) || !implies(other.cases, cases);
    });
    return by === undefined ? [] : [{ id: rule.id, by: by.rule.id }];
  });
  return { neverFire, covered, isCutShort: left < 0 };
}

/** Warnings for users; empty if nothing was found. */
export function idleRuleWarnings(policy: Pick<Policy, "rules">, spec: FeatureSpec): string[] {
  const { neverFire, covered, isCutShort } = findIdleRules(policy, spec);
  return [
    ...neverFire.map((id) => `The rule ${id} can never fire: its conditions exclude each other.`),
    ...covered.map(
      ({ id, by }) => `The rule ${id} changes no outcome: ${by} fires whenever it does, and is at least as strict.`,
    ),
    ...(isCutShort ? ["There are too many rules to compare all of them with each other."] : []),
  ];
}

/** Whether `strong` decides whenever it fires, so that `weak` can add nothing to the outcome. */
function countsAsMuch(strong: Rule, weak: Rule): boolean {
  return (
    strong.mode === "live" &&
    strong.percent === 100 &&
    weak.mode === "live" &&
    strong.outcome >= weak.outcome &&
    (strong.overridesScore || !weak.overridesScore) &&
    (strong.ignoresBudget || !weak.ignoresBudget) &&
    (strong.readsListsOnly || !weak.readsListsOnly) &&
    (weak.needsScore || !strong.needsScore)
  );
}

function knownRanges(spec: FeatureSpec): ReadonlyMap<string, Range> {
  const ranges = new Map<string, Range>([
    [SCORE, SHARE],
    ["hour", { ...EVERYTHING, low: 0, high: 23 }],
    ["day_of_week", { ...EVERYTHING, low: 1, high: 7 }],
  ]);
  for (const feature of spec.features) {
    const range = RANGES_BY_KIND.get(feature.kind);
    if (range === undefined) continue;
    const [low, high] = [Math.min(range.low, feature.default), Math.max(range.high, feature.default)];
    ranges.set(feature.name, { ...range, low, high });
  }
  return ranges;
}

/** Undefined means that the case can never be true. */
function factsOf(demands: Case, ranges: ReadonlyMap<string, Range>): Facts | undefined {
  const facts: Facts = { numbers: new Map(), allowed: new Map(), excluded: new Map(), flags: new Map() };
  for (const demand of [...demands, ...demands.flatMap(alsoTrue)]) if (!add(facts, demand, ranges)) return undefined;
  for (const [term, allowed] of facts.allowed) {
    const excluded = facts.excluded.get(term);
    if ([...allowed].every((value) => excluded?.has(value))) return undefined;
  }
  return facts;
}

/** The flag `any` of an effect is true for every value that is on one of the effect's lists. */
function alsoTrue(demand: Demand): Demand[] {
  if (demand.of !== "flag" || !demand.holds || !demand.term.startsWith(`${LISTS}.`)) return [];
  return [{ ...demand, term: demand.term.replace(/\.[a-z_]+$/, ".any") }];
}

/** @returns false if the requirement contradicts the known facts */
function add(facts: Facts, demand: Demand, ranges: ReadonlyMap<string, Range>): boolean {
  const { term } = demand;
  switch (demand.of) {
    case "flag": {
      const known = facts.flags.get(term);
      facts.flags.set(term, demand.holds);
      return known === undefined || known === demand.holds;
    }
    case "text": {
      if (!demand.isIn) {
        facts.excluded.set(term, new Set([...(facts.excluded.get(term) ?? []), ...demand.values]));
        return true;
      }
      const known = facts.allowed.get(term);
      const both = new Set(demand.values.filter((value) => known === undefined || known.has(value)));
      facts.allowed.set(term, both);
      return both.size > 0;
    }
    case "number": {
      const range = narrowed(facts.numbers.get(term) ?? ranges.get(term) ?? EVERYTHING, demand);
      facts.numbers.set(term, range);
      return range.low < range.high || (range.low === range.high && !range.lowIsOpen && !range.highIsOpen);
    }
  }
}

function narrowed(range: Range, { op, bound }: Extract<Demand, { of: "number" }>): Range {
  const isOpen = op === "<" || op === ">";
  if (op === "<" || op === "<=") {
    if (bound > range.high) return range;
    return { ...range, high: bound, highIsOpen: isOpen || (bound === range.high && range.highIsOpen) };
  }
  if (bound < range.low) return range;
  return { ...range, low: bound, lowIsOpen: isOpen || (bound === range.low && range.lowIsOpen) };
}

function isWithin(one: Facts, other: Facts): boolean {
  for (const [term, holds] of other.flags) if (one.flags.get(term) !== holds) return false;
  for (const [term, range] of other.numbers) if (!isInside(one.numbers.get(term), range)) return false;
  for (const [term, allowed] of other.allowed) {
    const own = one.allowed.get(term);
    if (own === undefined || ![...own].every((value) => allowed.has(value))) return false;
  }
  for (const [term, excluded] of other.excluded) {
    const [own, ownExcluded] = [one.allowed.get(term), one.excluded.get(term)];
    for (const value of excluded) {
      const isOut = ownExcluded?.has(value) === true || (own !== undefined && !own.has(value));
      if (!isOut) return false;
    }
  }
  return true;
}

function isInside(one: Range | undefined, other: Range): boolean {
  if (one === undefined) return false;
  const low = one.low > other.low || (one.low === other.low && (one.lowIsOpen || !other.lowIsOpen));
  const high = one.high < other.high || (one.high === other.high && (one.highIsOpen || !other.highIsOpen));
  return low && high;
}
