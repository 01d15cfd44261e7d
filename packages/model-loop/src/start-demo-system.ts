import type { ServerListener } from "@tripline/local-stack/servers/supervise-server";
import { readPorts } from "@tripline/system/ports.mjs";
import type { Topology } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { refuseSecond, startSystem } from "@tripline/system/services/run-system";
import type { Workspace } from "@tripline/system/services/workspace";
import { ROOT } from "@tripline/system/services/workspace";
import type { StepLog } from "@tripline/system/step-log";
import type { TrainedModel, TrainOptions } from "./demo-model/train-demo-model.js";
import { trainDemoModel } from "./demo-model/train-demo-model.js";

/** The simulated history lies in the past, and live traffic goes on from there. */
const EVENT_AGE_DAYS_MAX = 3_650;
const SCORING_WAIT_MS = 250;

/** The demo's model, trained or taken from the cache, and the whole system serving it. */
export async function startDemoSystem(options: {
  readonly workspace: Workspace;
  readonly steps: StepLog;
  /** Whether the archive runs, too: lost window states can be rebuilt then. */
  readonly isArchived?: boolean;
  /** Whether the console runs. */
  readonly hasConsole?: boolean;
  readonly topology?: Topology;
  /** Whether the profiles of the history are loaded, and read for payments. */
  readonly hasProfiles?: boolean;
  /** TLS and rights everywhere. */
  readonly isSecure?: boolean;
  /** With it, a server that ends by itself is restarted, and this is told. */
  readonly onServer?: ServerListener;
  /** False for a caller that stops it in order on Ctrl-C. Default true. */
  readonly endOnSignals?: boolean;
  /** Another world than the demo's, with a registry of its own. */
  readonly world?: Pick<TrainOptions, "root" | "simulation" | "days">;
}): Promise<{ model: TrainedModel; system: RunningSystem }> {
  const { workspace, steps, hasProfiles = false, world = { root: ROOT } } = options;
  await refuseSecond(workspace);
  const model = await trainDemoModel({ ...world, secretsFile: workspace.secrets, steps });
  const system = await startSystem({
    ...options,
    ports: readPorts(),
    registryUrl: model.registryUrl,
    statePath: model.statePath,
    ...(hasProfiles ? { profiles: { folder: model.profilesPath, untilMs: model.historyEndMs } } : {}),
    eventAgeDaysMax: EVENT_AGE_DAYS_MAX,
    scoringWaitMs: SCORING_WAIT_MS,
  });
  return { model, system };
}
