/**
 * Responses of the console's backend about payments and decisions. Times are milliseconds since the epoch, and money is
 * in minor units.
 */

export type Outcome = "approve" | "challenge" | "review" | "decline";
export type Rung = "model" | "scorecard" | "rules-only" | "static-policy";

export interface DecisionRow {
  readonly transactionId: string;
  readonly clientTransactionId: string;
  readonly cardToken: string;
  /** The terminal; empty if the payment has none. */
  readonly terminalId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly decidedAtMs: number;
  /** Time from acceptance to decision. */
  readonly latencyMs: number;
  readonly outcome: Outcome;
  /** Fraud probability; null if neither the model nor the scorecard scored the payment. */
  readonly score: number | null;
  readonly rung: Rung;
  /** The strictest reason; null if the payment was not flagged. */
  readonly reason: Reason | null;
  readonly caseId: string | null;
  readonly label: FraudLabel | null;
}

export interface Reason {
  readonly code: string;
  readonly text: string;
  readonly outcome: Outcome;
}

export interface FraudLabel {
  readonly fraud: boolean;
  readonly source: string;
  readonly labelledAtMs: number;
}

/** A feature in a form for analysts. */
export interface FeatureValue {
  readonly name: string;
  /** Description from the feature spec. */
  readonly title: string;
  readonly value: number | null;
  /** The formatted value. */
  readonly text: string;
  /** Codes of the reasons that name this feature, which the page highlights. */
  readonly reasonCodes: readonly string[];
}

/** The amount by which a feature moved the model's score, in log odds; positive towards fraud. */
export interface Contribution {
  readonly feature: string;
  readonly title: string;
  readonly text: string;
  readonly logOdds: number;
}

/** A payment field as users see it. Personal tokens are masked without `personal:read`. */
export interface PaymentFact {
  /** The field's name in rules and in the lake. */
  readonly name: string;
  readonly title: string;
  readonly text: string;
}

export interface DecisionDetail extends DecisionRow {
  readonly reasons: readonly Reason[];
  readonly degradedBecause: string;
  readonly policyVersion: string;
  readonly policyRevision: number;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly featureSpecVersion: number;
  /** For a decline that the policy could explore: its probability of approval, 0 at the limit; otherwise null. */
  readonly explorationProbability: number | null;
  /** Payment fields that were sent, in the order of payment.yaml. */
  readonly facts: readonly PaymentFact[];
  readonly features: readonly FeatureValue[];
  /** Largest first; null if no model scored the payment or the model no longer exists. */
  readonly contributions: { readonly baseLogOdds: number; readonly of: readonly Contribution[] } | null;
  readonly listHits: readonly {
    readonly list: string;
    readonly kind: string;
    readonly effect: string;
    readonly reason: string;
  }[];
  /** Rules without a result for this payment. */
  readonly skippedRules: readonly { readonly ruleId: string; readonly why: string; readonly inShadow: boolean }[];
  readonly shadowHits: readonly { readonly ruleId: string; readonly code: string; readonly outcome: Outcome }[];
  readonly trial: {
    readonly role: "shadow" | "canary" | "control";
    readonly candidateVersion: string;
    readonly candidateScore: number | null;
    readonly championScore: number | null;
  } | null;
}

export interface DecisionPage {
  readonly decisions: readonly DecisionRow[];
  readonly next: string | null;
}

/** `GET /api/live`, server-sent events. Event `second`, once per second: */
export interface LiveSecond {
  readonly atMs: number;
  readonly decisions: number;
  readonly byOutcome: Readonly<Record<Outcome, number>>;
  /** Decisions at a fallback level below the model. */
  readonly degraded: number;
  readonly latencyP50Ms: number | null;
  readonly latencyP99Ms: number | null;
  /** Number of records of `decisions` that the console has not read yet. */
  readonly lag: number;
}

/** Event `decisions`, a few times per second: up to 20 of the new decisions, newest first. */
export type LiveDecisions = readonly DecisionRow[];
