import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { DraftPart } from "@tripline/decision-engine/backtest/backtest-tally";
import { draftParts } from "@tripline/decision-engine/backtest/draft-parts";
import { idleRuleWarnings } from "@tripline/decision-engine/find-idle-rules";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { MixGuard, Policy } from "@tripline/decision-engine/policy";
import { runExamples } from "@tripline/decision-engine/run-examples";

const FAULTS_MAX = 50;

/** A policy's properties without its compiled expressions, which cannot be sent between threads. */
export interface PolicyOutline {
  readonly version: string;
  readonly specVersion: number;
  readonly guard: MixGuard | undefined;
  /** Names of the features that its conditions and sentences read. */
  readonly readFeatures: readonly string[];
  readonly parts: readonly DraftPart[];
}

export interface CheckedPolicy extends PolicyOutline {
  /** Warnings about rules without any effect. */
  readonly warnings: readonly string[];
}

/**
 * Checks a text in the same way as the decision service, and runs its examples.
 *
 * @throws TriplineError `invalid-field` with line and column of each fault
 */
export function checkPolicy(text: string): CheckedPolicy {
  const policy = readPolicy(text);
  const spec = currentFeatureSpec();
  const { faults } = runExamples(policy, spec);
  if (faults.length > 0) throw invalid(faults);
  return { ...outlineOf(policy), warnings: idleRuleWarnings(policy, spec) };
}

/**
 * @param parse `parseStoredPolicy` for a stored text: an earlier release may have had other cost limits
 * @throws TriplineError `invalid-field` with line and column of each fault
 */
export function readPolicy(text: string, parse = parsePolicy): Policy {
  try {
    return parse(text, currentFeatureSpec());
  } catch (thrown) {
    const error = asTriplineError(thrown);
    throw error.code === "policy-invalid" ? invalid(error.fields.map(({ detail }) => detail)) : error;
  }
}

export function outlineOf(policy: Policy): PolicyOutline {
  const { version, specVersion, guard } = policy;
  const readFeatures = policy.readFeatures.map(({ name }) => name);
  return { version, specVersion, guard, readFeatures, parts: draftParts(policy) };
}

function invalid(faults: readonly string[]): TriplineError {
  const fields = faults.slice(0, FAULTS_MAX).map((detail) => ({ pointer: "/text", detail }));
  return new TriplineError("invalid-field", `The policy is not valid: ${faults.length} faults.`, fields);
}
