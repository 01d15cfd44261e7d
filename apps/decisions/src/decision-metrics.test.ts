import { Decision, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { registry } from "@tripline/telemetry/metrics";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { DecisionMetrics } from "./decision-metrics.js";

const scored = { rung: Rung.MODEL, score: 0.25 };
const decided: [string, Partial<Decision>, Record<string, number>][] = [
  ["without a trial: the champion's", scored, { champion: 0.25 }],
  ["without a score: none, and not 0", { rung: Rung.RULES_ONLY }, {}],
  ["by the scorecard: none of a model", { rung: Rung.SCORECARD, score: 0.25 }, {}],
  [
    "in shadow: both, side by side",
    {
      ...scored,
      trial: { trialRole: TrialRole.SHADOW, candidateVersion: "2", candidateMissing: "", candidateScore: 0.5 },
    },
    { champion: 0.25, shadow: 0.5 },
  ],
  [
    "in a canary: the candidate's decides",
    {
      rung: Rung.MODEL,
      score: 0.5,
      trial: {
        trialRole: TrialRole.CANARY,
        candidateVersion: "2",
        candidateMissing: "",
        candidateScore: 0.5,
        championScore: 0.25,
      },
    },
    { champion: 0.25, canary: 0.5 },
  ],
];

test.each(decided)("scores are reported with the model's role, %s", async (_name, fields, expected) => {
  registry.clear();
  new DecisionMetrics().decided({ ...Decision.decode(new Uint8Array()), ...fields });
  const sums = [...(await writeMetrics()).body.matchAll(/^tripline_decisions_score_sum\{role="(\w+)"\} (\S+)$/gm)];
  expect(Object.fromEntries(sums.map(([, role, sum]) => [role, Number(sum)]))).toEqual(expected);
});
