import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseStoredPolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";
import { unreadFault } from "@tripline/decision-engine/unread-features";

export interface PolicyTerms {
  readonly spec: FeatureSpec;
  /** The result of `unreadFeatures`. Default: none */
  readonly unread?: ReadonlySet<string>;
}

/** @throws TriplineError `policy-invalid` as `parseStoredPolicy` does, and if the policy reads a feature in `unread` */
export function parseActivePolicy(text: string, { spec, unread }: PolicyTerms, name: string, revision = 0): Policy {
  const policy = parseStoredPolicy(text, spec, name, revision);
  const fault =
    unread &&
    unreadFault(
      policy.readFeatures.map((feature) => feature.name),
      unread,
    );
  if (fault === undefined) return policy;
  const detail = `${name}:1:1 The policy ${fault}.`;
  throw new TriplineError("policy-invalid", detail, [{ pointer: "", detail }]);
}
