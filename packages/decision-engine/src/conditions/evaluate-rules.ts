import type {
  Reason,
  ShadowHit,
  SkippedRule,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { RecordedRules, SentAttributes } from "../attributes/sent-attributes.js";
import { ATTRIBUTES_NOT_KEPT, ATTRIBUTES_UNAVAILABLE } from "../attributes/sent-attributes.js";
import { shareOf } from "../card-share.js";
import type { Answer, Policy, Rule } from "../policy.js";
import { renderText } from "../render-text.js";
import type { Evaluation } from "./checked-node.js";
import { EVALUATION_FAILED, StepBudget, StepsExceeded } from "./step-meter.js";

/** Code of `SkippedRule.why` for a rule that the control plane disabled. */
export const SWITCHED_OFF = "switched-off";

export type Values = Record<string, unknown>;

interface Evaluated {
  readonly reasons: Reason[];
  readonly shadowHits: ShadowHit[];
  readonly skippedRules: SkippedRule[];
  /** Failure of the first deciding rule that failed for a reason other than too many steps. */
  failure: string | undefined;
}

export interface Found extends Evaluated {
  /** The strictest outcome of the rules that ignore budgets. */
  readonly ignoring: Outcome;
  /** Whether a rule that rules out exploration fired, or could have fired but was skipped. */
  readonly isHard: boolean;
}

/** Evaluates the rules and the score's band. */
export function evaluateRules(
  policy: Pick<Policy, "rules" | "bands" | "evaluationOf">,
  { transaction, attributes }: { transaction: Transaction; attributes?: SentAttributes | undefined },
  values: Values,
  score: { readonly missing: string } | { readonly value: number },
): Found {
  const found: Evaluated = { reasons: [], shadowHits: [], skippedRules: [], failure: undefined };
  // Shadow rules have their own step budget, so that they cannot affect the decision.
  const [steps, shadowSteps] = [new StepBudget(), new StepBudget()];
  const evaluation = policy.evaluationOf(values);
  let overridesScore = false;
  let ignoring = Outcome.UNSPECIFIED;
  let isHard = false;
  for (const rule of policy.rules) {
    if (rule.mode === "off") {
      const { id: ruleId, switchedOffFrom: mode } = rule;
      if (mode !== undefined) found.skippedRules.push({ ruleId, why: SWITCHED_OFF, inShadow: mode === "shadow" });
      continue;
    }
    if (rule.needsScore && "missing" in score) continue;
    const inShadow = !decidesFor(rule, transaction);
    const known = rule.when.readsAttributes ? withoutValues(rule, attributes, found, inShadow) : undefined;
    if (inShadow) {
      const { id: ruleId, code, outcome } = rule;
      if (known ?? fires(rule, evaluation, shadowSteps, found, true)) found.shadowHits.push({ ruleId, code, outcome });
    } else if (known ?? fires(rule, evaluation, steps, found, false)) {
      found.reasons.push(toReason(rule, values));
      overridesScore ||= rule.overridesScore;
      if (rule.ignoresBudget && rule.outcome > ignoring) ignoring = rule.outcome;
      isHard ||= rulesOutExploration(rule);
    }
  }
  if (!("missing" in score) && !overridesScore) {
    const band = policy.bands.find((candidate) => score.value >= candidate.atLeast);
    if (band !== undefined) found.reasons.push(toReason(band, values));
  }
  return { ...found, ignoring, isHard: isHard || couldBeHard(policy, found) };
}

function rulesOutExploration({ neverExplored, outcome, readsLists }: Rule): boolean {
  return neverExplored || (outcome > Outcome.APPROVE && readsLists);
}

/** Whether a skipped rule could have ruled out exploration. Backtests assume that rules on attributes do not fire. */
function couldBeHard({ rules }: Pick<Policy, "rules">, { skippedRules }: Evaluated): boolean {
  return skippedRules.some(
    ({ ruleId, why, inShadow }) =>
      !inShadow && why !== ATTRIBUTES_NOT_KEPT && rules.some((rule) => rule.id === ruleId && rulesOutExploration(rule)),
  );
}

/**
 * Returns false for a rule without a result, which is then recorded. A rule that takes too many steps is skipped; any
 * other failure leads to the default decision, unless the rule is a shadow rule.
 */
function fires(rule: Rule, evaluation: Evaluation, steps: StepBudget, found: Evaluated, inShadow: boolean): boolean {
  try {
    const fired = rule.when.evaluate(evaluation, steps);
    return typeof fired === "boolean" ? fired : skip(rule, new Error("it did not return a boolean"), found, inShadow);
  } catch (error) {
    return skip(rule, error, found, inShadow);
  }
}

/** Whether the rule fires if its attributes have no values here; undefined if they have values. */
function withoutValues(
  { id: ruleId, code }: Rule,
  attributes: SentAttributes | undefined,
  found: Evaluated,
  inShadow: boolean,
): boolean | undefined {
  if (attributes === undefined || "values" in attributes) return undefined;
  if ("recorded" in attributes) return wasHit({ ruleId, code, inShadow }, attributes.recorded, found);
  const { missing: why } = attributes;
  found.skippedRules.push({ ruleId, why, inShadow });
  // The rule could have made the outcome stricter.
  if (why === ATTRIBUTES_UNAVAILABLE && !inShadow)
    found.failure ??= `the rule ${ruleId} reads attributes, which could not be opened`;
  return false;
}

/** The rule's result in the archived decision. */
function wasHit(
  { ruleId, code, inShadow }: { ruleId: string; code: string; inShadow: boolean },
  { codes, shadowRules, skipped, failure }: RecordedRules,
  found: Evaluated,
): boolean {
  const unread = skipped.find((one) => one.ruleId === ruleId && one.inShadow === inShadow);
  if (unread === undefined) return inShadow ? shadowRules.has(ruleId) : codes.has(code);
  found.skippedRules.push(unread);
  const isFault = unread.why === EVALUATION_FAILED || unread.why === ATTRIBUTES_UNAVAILABLE;
  if (isFault && !inShadow) found.failure ??= failure;
  return false;
}

function skip({ id: ruleId }: Rule, error: unknown, found: Evaluated, inShadow: boolean): false {
  const why = error instanceof StepsExceeded ? error.code : EVALUATION_FAILED;
  found.skippedRules.push({ ruleId, why, inShadow });
  if (why === EVALUATION_FAILED && !inShadow) {
    found.failure ??= `the rule ${ruleId} could not be evaluated: ${summaryOf(error)}`;
  }
  return false;
}

function decidesFor({ mode, percent, id }: Rule, { cardToken }: Transaction): boolean {
  return mode === "live" && (percent === 100 || shareOf(cardToken, id) < percent);
}

/** CEL errors contain a one-sentence `summary`; their message shows the expression on several lines. */
function summaryOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "summary" in error && typeof error.summary === "string" ? error.summary : error.message;
}

export function toReason(answer: Answer, values: Values): Reason {
  return { code: answer.code, text: renderText(answer.text, values), outcome: answer.outcome };
}
