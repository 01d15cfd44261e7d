import { join } from "node:path";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { trainDemoModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { STATE_DIRECTORY } from "@tripline/system/services/workspace";
import { StepLog } from "@tripline/system/step-log";

/**
 * A small simulation: enough for a model of the current feature spec, which is trained in seconds and cached between
 * runs.
 */
const SIMULATION = { seed: 1, cards: 300, terminals: 300, startMs: Date.UTC(2025, 0, 6) };
const DAYS = 45;

/** A real model of the current feature spec, trained like the demo's model, in a separate registry. */
export function testModel(): Promise<TrainedModel> {
  const root = join(STATE_DIRECTORY, "test-world");
  const steps = new StepLog(process.stderr);
  return trainDemoModel({ root, secretsFile: join(root, "secrets.json"), steps, simulation: SIMULATION, days: DAYS });
}
