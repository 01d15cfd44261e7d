import { readPorts } from "../bootstrap/ports.mjs";
import type { RunningSystem } from "./run-system.js";
import { refuseSecond, startSystem } from "./run-system.js";
import type { StepLog } from "./step-log.js";
import type { TrainedModel } from "./train.js";
import { trainDemoModel } from "./train.js";
import type { Workspace } from "./workspace.js";
import { ROOT } from "./workspace.js";

/** The simulated history lies in the past, and live traffic goes on from there. */
const EVENT_AGE_DAYS_MAX = 3_650;
const SCORING_WAIT_MS = 250;

/** The demo's model, trained or taken from the cache, and the whole system serving it. */
export async function startDemoSystem(options: {
  readonly workspace: Workspace;
  readonly steps: StepLog;
  /** Whether the archive runs, too: lost window states can be rebuilt then. */
  readonly isArchived?: boolean;
}): Promise<{ model: TrainedModel; system: RunningSystem }> {
  const { workspace, steps } = options;
  await refuseSecond(workspace);
  const model = await trainDemoModel({ root: ROOT, secretsFile: workspace.secrets, steps });
  const system = await startSystem({
    ...options,
    ports: readPorts(),
    registryUrl: model.registryUrl,
    scorecardFile: model.scorecardFile,
    statePath: model.statePath,
    eventAgeDaysMax: EVENT_AGE_DAYS_MAX,
    scoringWaitMs: SCORING_WAIT_MS,
  });
  return { model, system };
}
