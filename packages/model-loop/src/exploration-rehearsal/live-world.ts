import { SpecCounter, transactionOf } from "@tripline/backfill/exam/spec-counter";
import type { PaymentTokens } from "@tripline/backfill/input/payment-cells";
import { paymentTokens } from "@tripline/backfill/input/payment-cells";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Choice } from "@tripline/decision-engine/decide-payment";
import { decideWithinBudgets } from "@tripline/decision-engine/decide-payment";
import { isExplored } from "@tripline/decision-engine/exploration/explore-decline";
import type { Policy } from "@tripline/decision-engine/policy";
import type { LivedPayment, Verdict } from "@tripline/simulator/consequences/consequences";
import { Consequences, decideAsIncumbent } from "@tripline/simulator/consequences/consequences";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";

/** Any key works, because the simulator's fraud does not depend on it. */
const CARD_TOKEN_KEY = Buffer.alloc(32, 7);

/** Returns a fraud probability for a feature vector. */
export type Score = (values: readonly number[]) => number;

/** A decided payment, including facts that nobody in the simulation knows. */
export interface LivedRow {
  readonly payment: LivedPayment;
  readonly transactionId: string;
  readonly cardToken: string;
  readonly terminalId: string;
  readonly values: Float32Array;
  /** Undefined before there is a model. */
  readonly score: number | undefined;
  /** For a decline that could be explored; 0 if the day's limit did not allow it. */
  readonly probability: number | undefined;
  readonly isExplored: boolean;
  /** Whether a fraud would be reported after an approval; undefined if the issuer would decline it. */
  readonly reportIfApproved: boolean | undefined;
}

interface Report {
  readonly transaction: Transaction;
  readonly atMs: number;
}

/**
 * The `consequences` world with a bank that decides with a policy and a model. Features are computed as in the features
 * service, and change when reports arrive.
 */
export class LiveWorld {
  readonly #planned: Generator<SimulatedPayment, never, void>;
  readonly #consequences: Consequences;
  readonly #counter: SpecCounter;
  readonly #tokens: PaymentTokens = paymentTokens(CARD_TOKEN_KEY, DEMO_TENANT);
  /** In chronological order. */
  readonly #reports: Report[] = [];
  readonly #taken = new Map<string, number>();
  #next: SimulatedPayment | undefined;

  constructor(
    simulation: SimulationOptions,
    private readonly spec: FeatureSpec,
    private readonly policy: Policy,
  ) {
    this.#planned = createSimulation({ ...simulation, hasSeasons: true }).payments();
    this.#consequences = new Consequences(simulation);
    this.#counter = SpecCounter.inMemory(spec);
  }

  /** The payments before a time. Without a model, the incumbent rule decides. */
  live(untilMs: number, score: Score | undefined): LivedRow[] {
    const rows: LivedRow[] = [];
    for (;;) {
      this.#next ??= this.#planned.next().value;
      const planned = this.#next;
      if (planned === undefined || planned.occurredAtMs >= untilMs) return rows;
      this.#next = undefined;
      this.#hearReports(planned.occurredAtMs);
      const payment = this.#consequences.offer(planned);
      if (payment !== undefined) rows.push(this.#decide(payment, score));
    }
  }

  #decide(payment: SimulatedPayment, scoreOf: Score | undefined): LivedRow {
    const transaction = transactionOf(payment, DEMO_TENANT, this.#tokens);
    const values = this.#counter.pay(transaction);
    const score = scoreOf?.(values);
    const decision = score === undefined ? undefined : this.#choose(transaction, values, score);
    const lived = this.#consequences.decide(payment, verdictOf(payment, decision));
    if (lived.labelledAtMs !== null) this.#addReport({ transaction, atMs: lived.labelledAtMs });
    return {
      payment: lived,
      transactionId: transaction.transactionId,
      cardToken: transaction.cardToken,
      terminalId: transaction.terminalId,
      values: Float32Array.from(values),
      score,
      probability: decision?.explorationProbability,
      isExplored: decision !== undefined && isExplored(decision),
      reportIfApproved: this.#consequences.reportIfApproved(payment),
    };
  }

  /** The first choice whose limit has enough left, as in the decisions service. */
  #choose(transaction: Transaction, values: readonly number[], value: number): Choice["decision"] {
    const choices = decideWithinBudgets(this.policy, {
      transaction,
      features: { specVersion: this.spec.version, values, incomplete: false },
      score: { value, modelName: "fraud", modelVersion: "rehearsed" },
      listHits: [],
      decidedAtMs: transaction.occurredAtMs,
    });
    for (const { decision, takes } of choices) {
      const key = takes === undefined ? "" : `${takes.what} ${takes.day}`;
      const taken = this.#taken.get(key) ?? 0;
      if (takes?.perDay !== undefined && taken + takes.units > takes.perDay) continue;
      if (takes?.isCharged === true) this.#taken.set(key, taken + takes.units);
      return decision;
    }
    throw new Error("The last choice has no limit.");
  }

  #addReport(report: Report): void {
    const later = this.#reports.findLastIndex(({ atMs }) => atMs <= report.atMs) + 1;
    this.#reports.splice(later, 0, report);
  }

  #hearReports(nowMs: number): void {
    for (;;) {
      const [report] = this.#reports;
      if (report === undefined || report.atMs > nowMs) return;
      this.#reports.shift();
      this.#counter.label(report.transaction, true, report.atMs);
    }
  }
}

function verdictOf(payment: SimulatedPayment, decision: Choice["decision"] | undefined): Verdict {
  if (decision === undefined) return decideAsIncumbent(payment);
  return decision.outcome === Outcome.DECLINE ? "decline" : "approve";
}
