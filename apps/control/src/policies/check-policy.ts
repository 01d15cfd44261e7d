import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";
import { runExamples } from "@tripline/decision-engine/run-examples";

const FAULTS_MAX = 50;

/**
 * The policy as decisions would read it, whose examples go as they say.
 *
 * @throws TriplineError `invalid-field` with line and column of each fault
 */
export function checkPolicy(text: string): Policy {
  const policy = parse(text);
  const { faults } = runExamples(policy, currentFeatureSpec());
  if (faults.length > 0) throw invalid(faults);
  return policy;
}

function parse(text: string): Policy {
  try {
    return parsePolicy(text, currentFeatureSpec());
  } catch (thrown) {
    const error = asTriplineError(thrown);
    throw error.code === "policy-invalid" ? invalid(error.fields.map(({ detail }) => detail)) : error;
  }
}

function invalid(faults: readonly string[]): TriplineError {
  const fields = faults.slice(0, FAULTS_MAX).map((detail) => ({ pointer: "/text", detail }));
  return new TriplineError("invalid-field", `The policy is not valid: ${faults.length} faults.`, fields);
}

/** The faults alone, none for a good text. */
export function faultsOf(text: string): string[] {
  try {
    checkPolicy(text);
    return [];
  } catch (thrown) {
    return asTriplineError(thrown).fields.map(({ detail }) => detail);
  }
}
