import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";

const FAULTS_MAX = 50;

/**
 * The policy as decisions would read it.
 *
 * @throws TriplineError `invalid-field` with line and column of each fault
 */
export function checkPolicy(text: string): Policy {
  try {
    return parsePolicy(text, currentFeatureSpec());
  } catch (thrown) {
    const error = asTriplineError(thrown);
    if (error.code !== "policy-invalid") throw error;
    const faults = error.fields.slice(0, FAULTS_MAX).map(({ detail }) => ({ pointer: "/text", detail }));
    throw new TriplineError("invalid-field", `The policy is not valid. ${error.message}`, faults);
  }
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
