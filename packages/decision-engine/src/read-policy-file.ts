import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseStoredPolicy } from "./parse-policy.js";
import type { PolicyFile } from "./policy-file.js";
import { policyFile } from "./policy-file.js";
import { PolicySource } from "./policy-text/policy-source.js";

/**
 * A policy as it is written, with defaults in place: for what compares or shows policies.
 *
 * @throws TriplineError `policy-invalid` with the place of each fault
 */
export function readPolicyFile(text: string, spec: FeatureSpec, fileName = "policy.yaml"): PolicyFile {
  parseStoredPolicy(text, spec, fileName);
  return policyFile.parse(new PolicySource(text, fileName).toObject());
}
