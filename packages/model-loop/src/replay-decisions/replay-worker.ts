import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parseStoredPolicy } from "@tripline/decision-engine/parse-policy";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import type { SessionModel } from "../scoring/score-session.js";
import { serveThread } from "../threads/serve-thread.js";
import type { PolicyText } from "./find-policies.js";
import type { ArchivedDecision } from "./read-archived.js";
import type { ReplayDeciders } from "./replay-block.js";
import { replayBlock } from "./replay-block.js";
import { ReplayModel } from "./replay-model.js";

/** The inputs of a thread. */
export interface ReplayInputs {
  readonly policies: readonly PolicyText[];
  /** Whether the only policy decides everything, not only decisions by its own version. */
  readonly isPolicyForced: boolean;
  readonly models: readonly SessionModel[];
  /** Whether the only model scores all decisions, not only those by its own version. */
  readonly isModelForced: boolean;
  /** Their JSON. */
  readonly scorecards: readonly string[];
}

async function open(inputs: ReplayInputs): Promise<ReplayDeciders> {
  const spec = currentFeatureSpec();
  const policies = inputs.policies.map(({ text, fileName }) => parseStoredPolicy(text, spec, fileName));
  const scorecards = inputs.scorecards.map((text) => parseScorecard(text, spec));
  const models = await Promise.all(inputs.models.map((model) => ReplayModel.open(model)));
  return {
    specVersion: spec.version,
    policyOf: (version) =>
      inputs.isPolicyForced ? policies[0] : policies.find((policy) => policy.version === version),
    modelOf(name, version) {
      const found = inputs.isModelForced
        ? models[0]
        : models.find((model) => model.name === name && model.version === version);
      if (found === undefined) throw new TriplineError("internal", `The model ${name} ${version} was not loaded.`);
      return found;
    },
    scorecardOf: (version) => scorecards.find((card) => card.version === version),
  };
}

await serveThread(async (inputs: ReplayInputs) => {
  const deciders = await open(inputs);
  return (rows: readonly ArchivedDecision[]) => replayBlock(rows, deciders);
});
