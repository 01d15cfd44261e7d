import { Decision, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { registry } from "@tripline/telemetry/metrics";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { DecisionMetrics } from "./decision-metrics.js";

const scored = { rung: Rung.MODEL, score: 0.25 };
const decided: [string, Partial<Decision>, Record<string, number>][] = [
  ["the champion's without a rollout", scored, { champion: 0.25 }],
  ["none, instead of 0, without a score", { rung: Rung.RULES_ONLY }, {}],
  ["none for a decision by the scorecard", { rung: Rung.SCORECARD, score: 0.25 }, {}],
  [
    "both models' in shadow",
    {
      ...scored,
      trial: { trialRole: TrialRole.SHADOW, candidateVersion: "2", candidateMissing: "", candidateScore: 0.5 },
    },
    { champion: 0.25, shadow: 0.5 },
  ],
  [
    "both models' in a canary",
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

test.each(decided)("reports scores with the model's role: %s", async (_name, fields, expected) => {
  registry.clear();
  new DecisionMetrics().decided({ ...Decision.decode(new Uint8Array()), ...fields });
  const sums = [...(await writeMetrics()).body.matchAll(/^tripline_decisions_score_sum\{role="(\w+)"\} (\S+)$/gm)];
  expect(Object.fromEntries(sums.map(([, role, sum]) => [role, Number(sum)]))).toEqual(expected);
});

test("counts decisions by fallback level, and also under its former name", async () => {
  registry.clear();
  const metrics = new DecisionMetrics();
  for (const rung of [Rung.MODEL, Rung.SCORECARD, Rung.RULES_ONLY, Rung.STATIC_POLICY]) {
    metrics.decided({ ...Decision.decode(new Uint8Array()), rung });
  }
  const found = (await writeMetrics()).body.matchAll(/^tripline_decisions_degraded_total(\S+) 1$/gm);
  expect([...found].map(([, labels]) => labels)).toEqual([
    '{fallback_level="scorecard",rung="scorecard"}',
    '{fallback_level="rules",rung="rules_only"}',
    '{fallback_level="default_decision",rung="static_policy"}',
  ]);
});
