import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseStoredPolicy } from "./parse-policy.js";
import type { PolicyFile } from "./policy-file.js";
import { policyFile } from "./policy-file.js";
import { PolicySource } from "./policy-text/policy-source.js";

/**
 * A policy file with defaults filled in, for comparing or displaying policies.
 *
 * @throws TriplineError `policy-invalid` with the position of each fault
 */
export function readPolicyFile(text: string, spec: FeatureSpec, fileName = "policy.yaml"): PolicyFile {
  parseStoredPolicy(text, spec, fileName);
  return policyFile.parse(new PolicySource(text, fileName).toObject());
}
