import type { ErrorCode, FieldError } from "@tripline/contracts/error-table";
import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "@tripline/decision-engine/backtest/backtest-row";
import { draftParts, withIdsAsCodes } from "@tripline/decision-engine/backtest/draft-parts";
import { draftRow, reopenPayment } from "@tripline/decision-engine/backtest/reopen-payment";
import type { Policy } from "@tripline/decision-engine/policy";
import type { CheckedPolicy, PolicyOutline } from "./check-policy.js";
import { checkPolicy, outlineOf, readPolicy } from "./check-policy.js";

/** A payment with its decision, as records of the topics. */
export interface DecidedPayment {
  readonly decision: Uint8Array;
  readonly vector: Uint8Array | null;
  readonly isFraud: boolean | undefined;
}

/** What a thread can be asked, by its answer. */
export interface PolicyAnswers {
  /** It has started. */
  readonly ready: null;
  readonly check: CheckedPolicy;
  readonly outline: PolicyOutline;
  /** In the order of the payments; undefined where one cannot be decided again. */
  readonly decide: readonly (BacktestRow | undefined)[];
}

export interface PolicyTask {
  readonly kind: keyof PolicyAnswers;
  readonly text: string;
  /** For `decide`. */
  readonly payments?: readonly DecidedPayment[];
}

export type PolicyResult<Answer = PolicyAnswers[keyof PolicyAnswers]> =
  | { readonly answer: Answer }
  | { readonly failed: { readonly code: ErrorCode; readonly message: string; readonly fields: readonly FieldError[] } };

/** The policy of the last task: the pages of a backtest come one after another. */
let last: { readonly text: string; readonly policy: Policy } | undefined;

/** Never throws: an error that leaves a thread loses its class. */
export default function perform(task: PolicyTask): PolicyResult {
  try {
    return { answer: answer(task) };
  } catch (thrown) {
    const { code, message, fields } = asTriplineError(thrown);
    return { failed: { code, message, fields } };
  }
}

function answer({ kind, text, payments = [] }: PolicyTask): PolicyAnswers[keyof PolicyAnswers] {
  if (kind === "ready") return null;
  if (kind === "check") return checkPolicy(text);
  if (last?.text !== text) last = { text, policy: readPolicy(text) };
  return kind === "outline" ? outlineOf(last.policy) : decide(last.policy, payments);
}

function decide(policy: Policy, payments: readonly DecidedPayment[]): (BacktestRow | undefined)[] {
  const ids = new Set(draftParts(policy).map(({ id }) => id));
  const traced = withIdsAsCodes(policy);
  const deciders = {
    specVersion: currentFeatureSpec().version,
    policyOf: () => traced,
    // Where a scorecard stood in for the model, the payment is left out.
    scorecardOf: () => undefined,
  };
  return payments.map(({ decision, vector, isFraud }) => {
    const features = vector === null ? undefined : FeatureVector.decode(vector);
    const opened = reopenPayment(Decision.decode(decision), features, isFraud, deciders);
    return "reason" in opened ? undefined : draftRow(opened, ids);
  });
}
