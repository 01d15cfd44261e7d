import { join } from "node:path";
import { StepLog } from "@tripline/cli/step-log";
import type { TrainedModel } from "@tripline/cli/train";
import { trainDemoModel } from "@tripline/cli/train";
import { STATE_DIRECTORY } from "@tripline/cli/workspace";

/** A small world: enough for a model of the current feature spec, trained in seconds and kept between runs. */
const WORLD = { seed: 1, cards: 300, terminals: 300, historyDays: 45 };

/** A real model of the current feature spec, trained the way the demo's is. */
export function testModel(): Promise<TrainedModel> {
  const secretsFile = join(STATE_DIRECTORY, "test-model-secrets.json");
  return trainDemoModel({ secretsFile, steps: new StepLog(process.stderr), world: WORLD });
}
