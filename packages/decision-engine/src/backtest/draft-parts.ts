import type { Policy } from "../policy.js";
import type { DraftPart } from "./backtest-tally.js";

/** Rules by their ids, and bands by names such as `score>=0.6`, which cannot be a rule id. */
export function draftParts({ rules, bands }: Policy): DraftPart[] {
  return [
    ...rules.map(({ id, outcome, code, mode, percent }): DraftPart => {
      return { id, kind: "rule", outcome, code, mode, percent };
    }),
    ...bands.map(({ atLeast, outcome, code }): DraftPart => {
      return { id: bandId(atLeast), kind: "band", outcome, code, mode: "live", percent: 100 };
    }),
  ];
}

/**
 * The same policy with ids as reason codes, so that a decision shows which rules hit, even if several rules share a
 * code. Reason codes contain no lower-case letters, so they cannot be confused with ids.
 */
export function withIdsAsCodes(policy: Policy): Policy {
  return {
    ...policy,
    rules: policy.rules.map((rule) => ({ ...rule, code: rule.id })),
    bands: policy.bands.map((band) => ({ ...band, code: bandId(band.atLeast) })),
  };
}

function bandId(atLeast: number): string {
  return `score>=${atLeast}`;
}
