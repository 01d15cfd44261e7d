import type { Policy } from "../policy.js";
import type { DraftPart } from "./backtest-tally.js";

/** Its rules by their ids, its bands as `score>=0.6`, which no rule can be called. */
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
 * The same policy with ids for reason codes, so that a decision says which rules hit: several rules may have the same code. No code
 * of a policy has a small letter, so none is taken for an id.
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
