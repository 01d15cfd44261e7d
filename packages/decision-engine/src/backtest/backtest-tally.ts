import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { RuleMode } from "../policy.js";
import type { BacktestRow } from "./backtest-row.js";
import { SEGMENT_NAMES } from "./backtest-row.js";
import type { ExplorationCost } from "./exploration-cost.js";
import { ExplorationTally } from "./exploration-cost.js";
import { ExploredPrecision } from "./explored-precision.js";
import type { HitFigures, SegmentHits, TotalEstimate } from "./hit-measure.js";
import { HitMeasure } from "./hit-measure.js";
import type { Truth, TruthRule } from "./population.js";
import { dayOf, Population, truthOf } from "./population.js";
import { hashOf, RowSample } from "./sample-rows.js";
import type { Estimate } from "./wilson-interval.js";

/** Counterexamples shown per rule or for the draft, half of each kind if there are enough of both kinds. */
const EXAMPLES_MAX = 10;
const OVERLAPS_MAX = 5;

/** A rule or band of the draft. */
export interface DraftPart {
  readonly id: string;
  readonly kind: "rule" | "band";
  /** The outcome if only this part decided. */
  readonly outcome: Outcome;
  readonly code: string;
  readonly mode: RuleMode;
  /** For a live rule: the share of cards for which it decides. */
  readonly percent: number;
}

/** A payment for which the draft, or one of its rules, is wrong. */
export interface Counterexample {
  /** `false-positive`: genuine, but hit. `missed`: fraud, not hit, and approved by the draft. */
  readonly kind: "false-positive" | "missed";
  readonly transactionId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly decided: Outcome;
  readonly drafted: Outcome;
  readonly sentences: readonly string[];
}

/** How often two rules hit the same payment. */
export interface Overlap {
  readonly id: string;
  readonly rows: number;
  /** Payments that both hit, divided by payments that either hits. */
  readonly jaccard: number;
}

export interface PartFigures extends DraftPart, HitFigures {
  /**
   * Hits that no other part of the draft treats at least as strictly: without this part, their outcome would be milder.
   */
  readonly alone: number;
  /** Hits whose archived outcome is milder than this part's outcome. */
  readonly stricter: number;
  readonly overlaps: readonly Overlap[];
  readonly segments: readonly SegmentHits[];
  readonly counterexamples: readonly Counterexample[];
}

/** `stopped`: not approved. */
export interface PolicyFigures {
  readonly stopped: HitFigures;
  readonly declined: HitFigures;
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface BacktestFigures {
  readonly rows: number;
  readonly cards: number;
  readonly frauds: number;
  readonly genuine: number;
  readonly young: number;
  readonly youngFrauds: number;
  readonly unlabelled: number;
  /** Days since 1970-01-01, each with its number of payments. */
  readonly days: readonly { readonly day: number; readonly rows: number }[];
  readonly decided: PolicyFigures & {
    /** Explored payments with a verdict, and the share of fraud among the declines that they represent. */
    readonly explored: { readonly payments: number; readonly precision: Estimate | undefined };
  };
  readonly draft: PolicyFigures & {
    readonly segments: readonly SegmentHits[];
    readonly counterexamples: readonly Counterexample[];
    /** By outcome: the highest number of payments of one tenant with that outcome on one day (UTC). */
    readonly busiest: Readonly<Record<string, number>>;
    /** Empty if the draft explores nothing. */
    readonly exploration: readonly ExplorationCost[];
  };
  /** Changed outcomes, by old and new outcome, such as `approve -> decline`. */
  readonly changes: Readonly<
    Record<string, { readonly rows: number; readonly frauds: number; readonly genuine: number }>
  >;
  /** Number of payments that only one of the two decisions declines. Tripline's declines are also payment updates. */
  readonly movedDeclines: number;
  readonly parts: readonly PartFigures[];
  /** Payments for which the draft could not be evaluated, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** Payments for which a rule had no result, by rule and reason. The rule did not fire for them. */
  readonly rulesSkipped: readonly RuleSkips[];
}

export interface RuleSkips {
  readonly ruleId: string;
  /** A code, such as `budget-exceeded`. */
  readonly why: string;
  readonly rows: number;
}

/** Sums of a card's amounts, in any number of columns. */
export interface CardAmounts {
  /** Identifies the card, regardless of the order of payments. */
  readonly key: number;
  readonly amounts: ReadonlyMap<string, number>;
}

/** The total of each column over all cards, with or without an interval. */
export type EstimateTotals = (cards: Iterable<CardAmounts>) => ReadonlyMap<string, TotalEstimate>;

const sumTotals: EstimateTotals = (cards) => {
  const totals = new Map<string, { value: number }>();
  for (const { amounts } of cards) {
    for (const [name, amount] of amounts) totals.set(name, { value: (totals.get(name)?.value ?? 0) + amount });
  }
  return totals;
};

class PartMeasure extends HitMeasure {
  alone = 0;
  stricter = 0;
  readonly shared = new Map<string, number>();
  readonly examples = new Examples();

  constructor(readonly part: DraftPart) {
    super();
  }
}

class Examples {
  readonly #falsePositives = new RowSample<Counterexample>(EXAMPLES_MAX);
  readonly #missed = new RowSample<Counterexample>(EXAMPLES_MAX);

  offer(row: BacktestRow, truth: Truth, isHit: boolean): void {
    if (truth === "genuine" && isHit) this.#falsePositives.offer(row.transactionId, exampleOf(row, "false-positive"));
    const isMissed = truth === "fraud" && !isHit && row.drafted === Outcome.APPROVE;
    if (isMissed) this.#missed.offer(row.transactionId, exampleOf(row, "missed"));
  }

  get all(): Counterexample[] {
    const [falsePositives, missed] = [this.#falsePositives.rows, this.#missed.rows];
    const kept = Math.max(EXAMPLES_MAX / 2, EXAMPLES_MAX - missed.length);
    return [...falsePositives.slice(0, kept), ...missed.slice(0, EXAMPLES_MAX - Math.min(kept, falsePositives.length))];
  }
}

/** Counts the outcomes of a draft compared with the archived ones. Pure; the order of payments does not matter. */
export class BacktestTally {
  readonly #population = new Population();
  readonly #keys: number[] = [];
  readonly #parts: ReadonlyMap<string, PartMeasure>;
  readonly #policies = {
    decided: { stopped: new HitMeasure(), declined: new HitMeasure(), outcomes: new Map<string, number>() },
    draft: { stopped: new HitMeasure(), declined: new HitMeasure(), outcomes: new Map<string, number>() },
  };
  readonly #examples = new Examples();
  readonly #changes = new Map<string, { rows: number; frauds: number; genuine: number }>();
  #movedDeclines = 0;
  readonly #explored = new ExploredPrecision();
  readonly #exploration = new ExplorationTally();
  readonly #failures = new Map<string, number>();
  /** By rule and reason. */
  readonly #rulesSkipped = new Map<string, RuleSkips>();
  /** By outcome, then by tenant and day. */
  readonly #byDay = new Map<string, Map<string, number>>();

  constructor(
    parts: readonly DraftPart[],
    private readonly truthRule: TruthRule,
  ) {
    this.#parts = new Map(parts.map((part) => [part.id, new PartMeasure(part)]));
  }

  add(row: BacktestRow): void {
    const truth = truthOf(row, this.truthRule);
    const card = this.#population.add(row, truth);
    this.#keys[card] = hashOf(row.cardToken);
    for (const [policy, outcome] of [
      [this.#policies.decided, row.decided],
      [this.#policies.draft, row.drafted],
    ] as const) {
      if (outcome > Outcome.APPROVE) policy.stopped.add(row, truth, card);
      if (outcome === Outcome.DECLINE) policy.declined.add(row, truth, card);
      count(policy.outcomes, nameOf(outcome));
    }
    this.#examples.offer(row, truth, row.drafted > Outcome.APPROVE);
    this.#countDay(row);
    this.#exploration.add(row);
    const { exploredWeight: weight, cardToken } = row;
    if (weight !== undefined && (truth === "fraud" || truth === "genuine")) {
      this.#explored.add({ cardToken, isFraud: truth === "fraud", weight });
    }
    for (const { ruleId, why } of row.rulesSkipped) {
      const key = `${ruleId} ${why}`;
      this.#rulesSkipped.set(key, { ruleId, why, rows: (this.#rulesSkipped.get(key)?.rows ?? 0) + 1 });
    }
    if (row.failure !== "") count(this.#failures, row.failure);
    if (row.decided !== row.drafted) this.#change(row, truth);
    if ((row.decided === Outcome.DECLINE) !== (row.drafted === Outcome.DECLINE)) this.#movedDeclines += 1;
    this.#addHits(row, truth, card);
  }

  /** @param estimateTotals default: sums without intervals */
  figures(estimateTotals: EstimateTotals = sumTotals): BacktestFigures {
    const population = this.#population;
    population.close();
    const measures = this.#measures();
    const totals = estimateTotals(this.#amounts(measures));
    const figuresOf = (measure: HitMeasure) =>
      measure.figures(population, (column) => totals.get(`${measures.indexOf(measure)} ${column}`));
    const { decided, draft } = this.#policies;
    const policyOf = ({ stopped, declined, outcomes }: typeof draft): PolicyFigures => ({
      stopped: figuresOf(stopped),
      declined: figuresOf(declined),
      outcomes: Object.fromEntries(outcomes),
    });
    const { total, young, youngFrauds, unlabelled } = population;
    return {
      ...total,
      cards: population.cards.length,
      young,
      youngFrauds,
      unlabelled,
      days: population.days(),
      decided: {
        ...policyOf(decided),
        explored: { payments: this.#explored.payments, precision: this.#explored.estimate() },
      },
      draft: {
        ...policyOf(draft),
        segments: draft.stopped.segments(population),
        counterexamples: this.#examples.all,
        busiest: Object.fromEntries([...this.#byDay].map(([name, days]) => [name, Math.max(...days.values())])),
        exploration: this.#exploration.costs(population.days().length),
      },
      changes: Object.fromEntries(this.#changes),
      movedDeclines: this.#movedDeclines,
      parts: [...this.#parts.values()].map((measure) => ({
        ...measure.part,
        ...figuresOf(measure),
        alone: measure.alone,
        stricter: measure.stricter,
        overlaps: this.#overlapsOf(measure),
        segments: measure.segments(population),
        counterexamples: measure.examples.all,
      })),
      failures: Object.fromEntries(this.#failures),
      rulesSkipped: [...this.#rulesSkipped.values()].toSorted((left, right) => right.rows - left.rows),
    };
  }

  #countDay(row: BacktestRow): void {
    const name = nameOf(row.drafted);
    const days = this.#byDay.get(name) ?? new Map<string, number>();
    this.#byDay.set(name, days);
    count(days, `${row.segments[SEGMENT_NAMES.indexOf("tenant")]} ${dayOf(row)}`);
  }

  #change({ decided, drafted }: BacktestRow, truth: Truth): void {
    const name = `${nameOf(decided)} -> ${nameOf(drafted)}`;
    const change = this.#changes.get(name) ?? { rows: 0, frauds: 0, genuine: 0 };
    this.#changes.set(name, change);
    change.rows += 1;
    if (truth === "fraud") change.frauds += 1;
    if (truth === "genuine") change.genuine += 1;
  }

  #addHits(row: BacktestRow, truth: Truth, card: number): void {
    const hit = row.hits.map((id) => this.#parts.get(id)).filter((part) => part !== undefined);
    const deciding = hit.filter(({ part }) => !row.shadowHits.includes(part.id));
    const strictest = deciding.filter(({ part }) => part.outcome === row.drafted && row.drafted > Outcome.APPROVE);
    for (const measure of hit) {
      measure.add(row, truth, card);
      if (strictest.length === 1 && strictest[0] === measure) measure.alone += 1;
      if (measure.part.outcome > row.decided) measure.stricter += 1;
      for (const other of hit) if (other !== measure) count(measure.shared, other.part.id);
    }
    // Only payments with a verdict can be counterexamples.
    if (truth !== "fraud" && truth !== "genuine") return;
    for (const measure of truth === "genuine" ? hit : this.#parts.values()) {
      measure.examples.offer(row, truth, row.hits.includes(measure.part.id));
    }
  }

  #measures(): HitMeasure[] {
    const { decided, draft } = this.#policies;
    return [decided.stopped, decided.declined, draft.stopped, draft.declined, ...this.#parts.values()];
  }

  /** Amounts of every card, by measure and column. */
  *#amounts(measures: readonly HitMeasure[]) {
    for (const [card, key] of this.#keys.entries()) {
      const amounts = new Map<string, number>();
      measures.forEach((measure, index) => {
        for (const [column, minor] of measure.moneyOf(card) ?? []) amounts.set(`${index} ${column}`, minor);
      });
      if (amounts.size > 0) yield { key, amounts };
    }
  }

  #overlapsOf(measure: PartMeasure): Overlap[] {
    return [...measure.shared]
      .map(([id, rows]) => ({ id, rows, jaccard: rows / (measure.hits + (this.#parts.get(id)?.hits ?? 0) - rows) }))
      .toSorted((left, right) => right.rows - left.rows || right.jaccard - left.jaccard)
      .slice(0, OVERLAPS_MAX);
  }
}

export function nameOf(outcome: Outcome): string {
  return (Outcome[outcome] ?? String(outcome)).toLowerCase();
}

function exampleOf(row: BacktestRow, kind: Counterexample["kind"]): Counterexample {
  const { transactionId, amountMinor, currency, occurredAtMs, decided, drafted, sentences } = row;
  return { kind, transactionId, amountMinor, currency, occurredAtMs, decided, drafted, sentences };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
