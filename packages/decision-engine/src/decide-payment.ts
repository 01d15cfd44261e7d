import { STATES_LOST } from "@tripline/contracts/degraded-reasons";
import type {
  Decision,
  ListHit,
  ModelTrial,
  Reason,
  ShadowHit,
  SkippedRule,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { AttributeValues, SentAttributes } from "./attributes/sent-attributes.js";
import type { BudgetTake } from "./budgets.js";
import { answerWhenSpent, budgetOf, paymentTake, perDayOf } from "./budgets.js";
import type { Found, Values } from "./conditions/evaluate-rules.js";
import { evaluateRules, toReason } from "./conditions/evaluate-rules.js";
import { pointsOf, probabilityOf } from "./evaluate-scorecard.js";
import { withContributions } from "./explain-decision.js";
import type { ExplorationState } from "./exploration/explore-decline.js";
import { explorationLimit, explorationTake, explore } from "./exploration/explore-decline.js";
import { formatShare } from "./format-value.js";
import { entryTexts, listFacts } from "./lists/list-facts.js";
import type { Policy } from "./policy.js";
import { ATTRIBUTES, BY_SCORECARD, HAS_SCORE, LISTS, PER_DAY, paymentValues, SCORE } from "./policy-variables.js";
import type { Scorecard } from "./scorecard.js";
import { SCORECARD_NAME } from "./scorecard.js";

/** A model's score, or why there is none. */
export type Score =
  | { readonly value: number; readonly modelName: string; readonly modelVersion: string }
  | { readonly missing: string };

export interface PaymentFeatures {
  readonly specVersion: number;
  readonly values: readonly number[];
  /** Whether they were computed from windows that lack some events. */
  readonly incomplete: boolean;
}

export interface DecisionInput {
  readonly transaction: Transaction;
  /** Absent if none were sent. */
  readonly attributes?: SentAttributes | undefined;
  /** In the order of that version of the feature spec; absent if none could be computed. */
  readonly features: PaymentFeatures | undefined;
  readonly score: Score;
  /** The payment's list entries, the strictest first. */
  readonly listHits: readonly ListHit[];
  /** The payment's role in a model rollout; only recorded here, without any effect. */
  readonly trial?: ModelTrial | undefined;
  /** Outcomes whose budget is spent. The decision omits those that the payment would not have received. */
  readonly spentBudgets?: readonly Outcome[];
  /** Whether a decline may be explored. Default: `open`. */
  readonly exploration?: ExplorationState | undefined;
  /** Why the policy is not evaluated, starting with `NOT_EVALUATED`. The payment then gets the default decision. */
  readonly notEvaluated?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly decidedAtMs: number;
}

/** A possible decision on a payment. */
export interface Choice {
  readonly decision: Decision;
  /**
   * The budget to which this decision is charged, either only if something is left or in any case; undefined if it is
   * not charged to a budget.
   */
  readonly takes: BudgetTake | undefined;
}

/** Reason code if neither a rule nor the score flags a payment. */
export const NOTHING_UNUSUAL = "NOTHING_UNUSUAL";

/** Reason code for a score by the scorecard instead of the model. */
export const SCORED_BY_SCORECARD = "SCORED_BY_SCORECARD";

/** The score that decides, or why there is none; `insteadOf` says why the model's score is not used. */
type DecidingScore = Score & { readonly insteadOf?: string };

const NO_ATTRIBUTES: AttributeValues = new Map();

/**
 * Decides one payment. Pure: the same policy and input give the same decision, byte for byte.
 *
 * The outcome is the strictest among those of the rules that fired and of the score's band. Each of these is a reason,
 * the strictest first; equally strict reasons are in the order of the policy. Without the model's score, the
 * scorecard's score is used; without a scorecard, the rules decide alone. If features are absent or belong to another
 * spec version, or a rule cannot be evaluated, the tenant's default decision for the amount applies. The other rules
 * that fired still apply in that case, so a fault never makes an outcome milder; without features, only list rules
 * apply.
 *
 * Never throws because of a payment's content.
 */
export function decide(policy: Policy, input: DecisionInput, scorecard?: Scorecard): Decision {
  const spent = input.spentBudgets ?? [];
  // A decline caused by a spent budget must not be explored.
  const verdict = explore(policy, input, judge(policy, input, scorecard), input.exploration ?? "open");
  return conclude(policy, input, spend(policy, input, verdict, spent), scorecard);
}

/**
 * The possible decisions on a payment, which depend on which budgets are spent. Take the first one whose budget has
 * something left. The last one is charged to no budget, or applies even if nothing is left.
 */
export function decideWithinBudgets(policy: Policy, input: DecisionInput, scorecard?: Scorecard): readonly Choice[] {
  const { tenant } = input.transaction;
  const verdict = judge(policy, input, scorecard);
  const explored = exploreWithinLimit(policy, input, verdict, scorecard);
  if (explored !== undefined) return explored;
  const choices: Choice[] = [];
  const spent: Outcome[] = [];
  for (;;) {
    const spending = spend(policy, input, verdict, spent);
    const decision = conclude(policy, input, spending, scorecard);
    const { outcome } = decision;
    const budget = budgetOf(policy, outcome);
    if (budget === undefined) return [...choices, { decision, takes: undefined }];
    const ignoresIt = spent.length === 0 && verdict.ignoresBudget;
    const perDay = ignoresIt ? undefined : perDayOf(budget, tenant);
    choices.push({ decision, takes: paymentTake({ tenant, day: budget.dayOf(input.decidedAtMs), perDay }, outcome) });
    if (ignoresIt) return choices;
    spent.push(outcome);
  }
}

/** The possible decisions on a decline that may be explored: one within the day's limit, and one beyond it. */
function exploreWithinLimit(
  policy: Policy,
  input: DecisionInput,
  verdict: Verdict,
  scorecard: Scorecard | undefined,
): readonly Choice[] | undefined {
  const limit = explorationLimit(policy, input, verdict);
  if (policy.exploration === undefined || limit === undefined) return undefined;
  const [open, spent] = (["open", "spent"] as const).map((state) =>
    conclude(policy, input, explore(policy, input, verdict, state), scorecard),
  ) as [Decision, Decision];
  const takes = explorationTake(policy.exploration, limit, input.transaction, open);
  return [
    { decision: open, takes },
    { decision: spent, takes: undefined },
  ];
}

/** The reasons for each outcome, before budgets are applied. */
function judge(policy: Policy, input: DecisionInput, scorecard: Scorecard | undefined): Verdict {
  if (input.notEvaluated !== undefined) {
    const reasons = [staticReason(policy, input.transaction)];
    return verdictOf({
      reasons,
      rung: Rung.STATIC_POLICY,
      degradedBecause: input.notEvaluated,
      ignoring: Outcome.UNSPECIFIED,
    });
  }
  const unusable = whyUnusable(policy, input.features);
  if (input.features === undefined || unusable !== undefined) {
    const listed = listReasons(policy, input);
    const reasons = [...listed.reasons, staticReason(policy, input.transaction)];
    return verdictOf({ ...listed, reasons, rung: Rung.STATIC_POLICY, degradedBecause: unusable ?? "" });
  }
  const score = standIn(usableScore(input.score), input.features, scorecard);
  const values = variablesOf(policy, input, input.features.values, score);
  const { failure, ...found } = evaluateRules(policy, input, values, score);
  const { reasons } = found;
  if (failure !== undefined) {
    reasons.push(staticReason(policy, input.transaction));
    return verdictOf({ ...found, rung: Rung.STATIC_POLICY, degradedBecause: failure, score });
  }
  if (reasons.length === 0) reasons.push(nothingUnusual(score));
  if ("missing" in score) return verdictOf({ ...found, rung: Rung.RULES_ONLY, degradedBecause: score.missing });
  if (score.insteadOf === undefined) return verdictOf({ ...found, rung: Rung.MODEL, degradedBecause: "", score });
  reasons.push(scorecardReason());
  return verdictOf({ ...found, rung: Rung.SCORECARD, degradedBecause: score.insteadOf, score });
}

/** Applies the spent budgets to the verdict. */
function spend(policy: Policy, input: DecisionInput, verdict: Verdict, spent: readonly Outcome[]): Verdict {
  if (spent.length === 0) return verdict;
  let { outcome, reasons } = verdict;
  const spentBudgets: Outcome[] = [];
  const score = verdict.score !== undefined && "value" in verdict.score ? verdict.score.value : undefined;
  while (spent.includes(outcome) && !spentBudgets.includes(outcome) && !verdict.ignoresBudget) {
    const budget = budgetOf(policy, outcome);
    const answer = budget === undefined ? undefined : answerWhenSpent(budget, score);
    if (budget === undefined || answer === undefined) break;
    spentBudgets.push(outcome);
    const values = { ...paymentValues(input.transaction), [PER_DAY]: perDayOf(budget, input.transaction.tenant) };
    reasons = [toReason(answer, score === undefined ? values : { ...values, [SCORE]: score }), ...reasons];
    outcome = answer.outcome;
  }
  return { ...verdict, outcome, reasons, spentBudgets };
}

/** For a scorecard, adds what raised the score. A model's contributions must be requested separately. */
function conclude(policy: Policy, input: DecisionInput, verdict: Verdict, scorecard: Scorecard | undefined): Decision {
  const decision = toDecision(policy, input, verdict);
  if (verdict.rung !== Rung.SCORECARD || scorecard === undefined || input.features === undefined) return decision;
  if (decision.outcome <= Outcome.APPROVE) return decision;
  const { transaction } = input;
  const { values } = input.features;
  const payment = { currency: transaction.currency, values, transaction };
  return withContributions(policy, decision, payment, pointsOf(scorecard, values));
}

/** The scorecard's score if the model's is missing. A scorecard for other features is not used. */
function standIn(score: Score, features: PaymentFeatures, scorecard: Scorecard | undefined): DecidingScore {
  if (!("missing" in score) || scorecard?.specVersion !== features.specVersion) return score;
  const value = probabilityOf(scorecard, features.values);
  return { value, modelName: SCORECARD_NAME, modelVersion: scorecard.version, insteadOf: score.missing };
}

/**
 * A number outside 0 to 1 is not a probability. NaN is rejected too, because every comparison with it would be false.
 */
function usableScore(score: Score): Score {
  if ("missing" in score || (score.value >= 0 && score.value <= 1)) return score;
  return { missing: `the model ${score.modelName} returned ${score.value}, which is not a probability` };
}

/** Why a payment's features can neither be used with this policy nor be sent to a model; `undefined` if they can. */
export function whyUnusable(policy: Policy, features: DecisionInput["features"]): string | undefined {
  if (features === undefined) return "the payment has no features";
  if (features.incomplete) return STATES_LOST;
  if (features.specVersion !== policy.specVersion) {
    return `the features have spec version ${features.specVersion}, but the policy requires version ${policy.specVersion}`;
  }
  if (features.values.length !== policy.featureNames.length) {
    return `there are ${features.values.length} feature values instead of ${policy.featureNames.length}`;
  }
  const bad = features.values.findIndex((value) => !Number.isFinite(value));
  return bad < 0 ? undefined : `the feature ${policy.featureNames[bad]} is ${features.values[bad]}`;
}

/** The variables of each policy. They are reused, because a policy has so many that a new object would take 7 kB. */
const variables = new WeakMap<Policy, Values>();

/** The result is valid until the next call with this policy. */
function variablesOf(policy: Policy, input: DecisionInput, features: readonly number[], score: DecidingScore): Values {
  const known = variables.get(policy);
  const values = listedValues(input, known ?? {});
  if (known === undefined) variables.set(policy, values);
  for (const { name, index } of policy.readFeatures) values[name] = features[index];
  values[HAS_SCORE] = !("missing" in score);
  values[BY_SCORECARD] = score.insteadOf !== undefined;
  values[SCORE] = "missing" in score ? undefined : score.value;
  return values;
}

/** Adds to `into` the values of a payment that are available without its features. */
function listedValues({ transaction, attributes, listHits }: DecisionInput, into: Values): Values {
  into[ATTRIBUTES] = attributes !== undefined && "values" in attributes ? attributes.values : NO_ATTRIBUTES;
  into[LISTS] = listFacts(listHits);
  return Object.assign(into, paymentValues(transaction), entryTexts(listHits));
}

/** Reasons of the list rules, which need no features. A listed card must not pass while features are unavailable. */
function listReasons(policy: Policy, input: DecisionInput): Pick<Found, "reasons" | "skippedRules" | "ignoring"> {
  if (input.listHits.length === 0) return { reasons: [], skippedRules: [], ignoring: Outcome.UNSPECIFIED };
  const score = { missing: "" };
  const values = listedValues(input, { [HAS_SCORE]: false, [BY_SCORECARD]: false });
  const rules = policy.rules.filter(({ readsListsOnly }) => readsListsOnly);
  const { reasons, skippedRules, ignoring } = evaluateRules({ ...policy, rules, bands: [] }, input, values, score);
  return { reasons, skippedRules, ignoring };
}

function staticReason(policy: Policy, transaction: Transaction): Reason {
  const { amountMinor, currency } = transaction;
  const answer = policy.staticByTenant.get(transaction.tenant) ?? policy.staticDefault;
  const row = answer.byAmount.find((one) => one.currency === currency && amountMinor < one.belowMinor);
  return toReason(row ?? answer, paymentValues(transaction));
}

export function nothingUnusual(score: Score): Reason {
  const about =
    "missing" in score
      ? "there was no score"
      : `the estimated fraud probability of ${formatShare(score.value)} is below every band`;
  return {
    code: NOTHING_UNUSUAL,
    text: `No rule flagged this payment, and ${about}.`,
    outcome: Outcome.APPROVE,
  };
}

export function scorecardReason(): Reason {
  const text = "The model returned no score, so the score of the scorecard was used instead.";
  return { code: SCORED_BY_SCORECARD, text, outcome: Outcome.APPROVE };
}

interface Verdict {
  readonly outcome: Outcome;
  /** In display order. */
  readonly reasons: readonly Reason[];
  readonly rung: Rung;
  readonly degradedBecause: string;
  readonly score?: Score;
  readonly shadowHits?: readonly ShadowHit[];
  readonly skippedRules?: readonly SkippedRule[];
  /** Whether a rule that ignores budgets requires this outcome. */
  readonly ignoresBudget: boolean;
  readonly spentBudgets: readonly Outcome[];
  readonly isHard?: boolean;
  readonly explorationProbability?: number;
}

/** The strictest reason decides. */
function verdictOf({
  ignoring,
  ...found
}: Omit<Verdict, "outcome" | "ignoresBudget" | "spentBudgets"> & Pick<Found, "ignoring">): Verdict {
  const reasons = found.reasons.toSorted((left, right) => right.outcome - left.outcome);
  const outcome = reasons[0]?.outcome ?? Outcome.REVIEW;
  return { ...found, reasons, outcome, ignoresBudget: ignoring === outcome, spentBudgets: [] };
}

function toDecision(policy: Policy, input: DecisionInput, verdict: Verdict): Decision {
  const { transaction } = input;
  const score = verdict.score !== undefined && "value" in verdict.score ? verdict.score : undefined;
  return {
    transactionId: transaction.transactionId,
    tenant: transaction.tenant,
    clientTransactionId: transaction.clientTransactionId,
    cardToken: transaction.cardToken,
    outcome: verdict.outcome,
    reasons: [...verdict.reasons],
    ...(score === undefined ? {} : { score: score.value }),
    rung: verdict.rung,
    degradedBecause: verdict.degradedBecause,
    policyVersion: policy.version,
    modelName: score?.modelName ?? "",
    modelVersion: score?.modelVersion ?? "",
    featureSpecVersion: input.features?.specVersion ?? 0,
    occurredAtMs: transaction.occurredAtMs,
    acceptedAtMs: transaction.acceptedAtMs,
    decidedAtMs: input.decidedAtMs,
    wordingVersion: policy.wordingVersion,
    listHits: [...input.listHits],
    policyRevision: policy.revision,
    shadowHits: [...(verdict.shadowHits ?? [])],
    ...(input.trial === undefined ? {} : { trial: input.trial }),
    spentBudgets: [...verdict.spentBudgets],
    skippedRules: [...(verdict.skippedRules ?? [])],
    ...(verdict.explorationProbability === undefined ? {} : { explorationProbability: verdict.explorationProbability }),
  };
}
