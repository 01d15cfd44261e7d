import type { Decision, ModelTrial } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  Decision as DecisionMessage,
  Outcome,
  Rung,
  TrialRole,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { recordedRules } from "./attributes/sent-attributes.js";
import type { RecordedInputs } from "./recorded-inputs.js";
import { recordedInputs } from "./recorded-inputs.js";

const LATE = "scoring did not respond within 250 ms";
const model = { modelName: "fraud", modelVersion: "0123456789ab" };
const scorecard = { modelName: "scorecard", modelVersion: "scorecard@0123" };
const raised = { code: "SCORE_RAISED_BY_AMOUNT", text: "The amount is 250.", outcome: Outcome.APPROVE };

const trial: ModelTrial = {
  trialRole: TrialRole.CANARY,
  candidateVersion: "ba9876543210",
  championScore: 0.25,
  candidateMissing: LATE,
};

test.each<[string, Partial<Decision>, Omit<RecordedInputs, "rules">]>([
  [
    "a model's decision",
    { rung: Rung.MODEL, ...model },
    {
      score: model,
      scorecardVersion: undefined,
      hasContributions: false,
      spentBudgets: [],
      listHits: [],
      trial: undefined,
    },
  ],
  [
    "an explained decision",
    { rung: Rung.MODEL, ...model, reasons: [raised] },
    {
      score: model,
      scorecardVersion: undefined,
      hasContributions: true,
      spentBudgets: [],
      listHits: [],
      trial: undefined,
    },
  ],
  [
    "the scorecard's decision",
    { rung: Rung.SCORECARD, degradedBecause: LATE, ...scorecard },
    {
      score: { missing: LATE },
      scorecardVersion: "scorecard@0123",
      hasContributions: false,
      spentBudgets: [],
      listHits: [],
      trial: undefined,
    },
  ],
  [
    "the rules' decision",
    { rung: Rung.RULES_ONLY, degradedBecause: LATE },
    {
      score: { missing: LATE },
      scorecardVersion: undefined,
      hasContributions: false,
      spentBudgets: [],
      listHits: [],
      trial: undefined,
    },
  ],
  [
    "a default decision after a failed rule, with the model's score",
    { rung: Rung.STATIC_POLICY, degradedBecause: "the rule big gave no boolean", ...model },
    {
      score: model,
      scorecardVersion: undefined,
      hasContributions: false,
      spentBudgets: [],
      listHits: [],
      trial: undefined,
    },
  ],
  [
    "a decision about a card in a candidate evaluation",
    { rung: Rung.MODEL, ...model, trial },
    { score: model, scorecardVersion: undefined, hasContributions: false, spentBudgets: [], listHits: [], trial },
  ],
])("%s records its inputs", (_case, change, wanted) => {
  const decision = { ...DecisionMessage.decode(new Uint8Array()), ...change };
  expect(recordedInputs(decision)).toEqual({ ...wanted, rules: recordedRules(decision) });
});
