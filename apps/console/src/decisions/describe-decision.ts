import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision, FeatureVector, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { RAISED_BY } from "@tripline/decision-engine/explain-decision";
import { categoryOf, featureUnits } from "@tripline/decision-engine/feature-words";
import { formatValue } from "@tripline/decision-engine/format-value";
import type * as shown from "../contract/decisions.js";
import type { ShowToken } from "../requests/mask-token.js";
import { outcomeOf, toDecisionRow } from "./decision-rows.js";
import { paymentFacts } from "./payment-facts.js";
import type { RecordedDecision } from "./projected-decisions.js";
import { titleFeatures } from "./title-features.js";

const TRIAL_ROLES: Readonly<Record<number, NonNullable<shown.DecisionDetail["trial"]>["role"]>> = {
  [TrialRole.SHADOW]: "shadow",
  [TrialRole.CANARY]: "canary",
  [TrialRole.CONTROL]: "control",
};

/** A decision with its vector, read from the records. */
export interface ReadBack {
  readonly decision: Decision;
  readonly vector: FeatureVector;
}

export function readBack({ decision, vector }: RecordedDecision): ReadBack {
  return { decision: Decision.decode(decision), vector: FeatureVector.decode(vector) };
}

/** The description of a feature of one payment. */
export type DescribedFeature = Omit<shown.FeatureValue, "reasonCodes">;

/** Describes values with the titles and units of a feature spec. */
export class FeatureDescriber {
  readonly #titles: ReadonlyMap<string, string>;
  readonly #units: ReturnType<typeof featureUnits>;

  constructor(private readonly spec: FeatureSpec) {
    this.#titles = titleFeatures(spec);
    this.#units = featureUnits(spec);
  }

  /** In the order of the vector; empty for a vector of another spec version. */
  read({ values, specVersion, transaction }: FeatureVector): readonly DescribedFeature[] {
    if (specVersion !== this.spec.version) return [];
    return this.spec.features.map((feature, index) => {
      const { name } = feature;
      const value = values[index] ?? null;
      return { name, title: this.title(name), value, text: this.#text(feature, value, transaction) };
    });
  }

  title(name: string): string {
    return this.#titles.get(name) ?? name;
  }

  #text(feature: Feature, value: number | null, transaction: Transaction | undefined): string {
    const { name, kind } = feature;
    if (value === null) return "—";
    if (kind === "category") return value === feature.default ? "—" : categoryOf(feature, value, transaction);
    if (kind.startsWith("is_") || kind === "pair_is_new") return value === 0 ? "no" : "yes";
    const unit = this.#units.get(name) ?? "decimal";
    if (value === feature.default && value !== 0) {
      // There is no earlier payment or fraud from which to measure the distance or duration.
      if (unit === "kilometres") return "unknown";
      if (unit === "seconds" || unit === "days") return "none";
    }
    return formatValue(value, unit, transaction?.currency ?? "");
  }
}

/** The reasons as sentences, with their codes. */
export function reasonsOf({ reasons }: Decision): shown.Reason[] {
  return reasons.map(({ code, text, outcome }) => ({ code, text, outcome: outcomeOf(outcome) }));
}

/** Describes a decision: its outcome, its reasons, and the values behind them. */
export function describeDecision(
  row: RecordedDecision,
  { decision, vector }: ReadBack,
  reader: FeatureDescriber,
  contributions: shown.DecisionDetail["contributions"],
  show: ShowToken,
): shown.DecisionDetail {
  const reasons = reasonsOf(decision);
  const codesOf = (name: string): string[] =>
    reasons.map(({ code }) => code).filter((code) => code === `${RAISED_BY}${name.toUpperCase()}`);
  const { transaction } = vector;
  return {
    ...toDecisionRow(row, show),
    reasons,
    degradedBecause: decision.degradedBecause,
    policyVersion: decision.policyVersion,
    policyRevision: decision.policyRevision,
    modelName: decision.modelName,
    modelVersion: decision.modelVersion,
    featureSpecVersion: decision.featureSpecVersion,
    explorationProbability: decision.explorationProbability ?? null,
    facts: transaction === undefined ? [] : paymentFacts(transaction, show),
    features: reader.read(vector).map((feature) => ({ ...feature, reasonCodes: codesOf(feature.name) })),
    contributions,
    listHits: decision.listHits.map(({ list, kind, effect, reason }) => ({ list, kind, effect, reason })),
    skippedRules: decision.skippedRules.map(({ ruleId, why, inShadow }) => ({ ruleId, why, inShadow })),
    shadowHits: decision.shadowHits.map(({ ruleId, code, outcome }) => ({ ruleId, code, outcome: outcomeOf(outcome) })),
    trial: trialOf(decision),
  };
}

function trialOf({ trial }: Decision): shown.DecisionDetail["trial"] {
  const role = TRIAL_ROLES[trial?.trialRole ?? TrialRole.UNSPECIFIED];
  if (trial === undefined || role === undefined) return null;
  return {
    role,
    candidateVersion: trial.candidateVersion,
    candidateScore: trial.candidateScore ?? null,
    championScore: trial.championScore ?? null,
  };
}
