import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseStoredPolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";

/** Names of the profile features that the features service does not read. They always have their default values. */
export function unreadFeatures({ features }: FeatureSpec, profiles: readonly string[]): ReadonlySet<string> {
  const unread = features.filter((feature) => feature.kind === "profile" && !profiles.includes(feature.entity));
  return new Set(unread.map(({ name }) => name));
}

/** Why something that uses these features is invalid, phrased to follow its name; undefined if it is valid. */
export function unreadFault(used: readonly string[], unread: ReadonlySet<string>): string | undefined {
  const names = used.filter((name) => unread.has(name));
  return names.length === 0
    ? undefined
    : `uses ${names.join(", ")}, of profiles that features does not read: add them to FEAST_PROFILES`;
}

export interface PolicyTerms {
  readonly spec: FeatureSpec;
  /** From `unreadFeatures`; none by default. */
  readonly unread?: ReadonlySet<string>;
}

/** @throws TriplineError `policy-invalid` as `parseStoredPolicy` does, and for a policy that reads `unread` features */
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
