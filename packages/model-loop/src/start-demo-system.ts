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

/** The simulated history is in the past; live traffic continues from its end. */
const EVENT_AGE_DAYS_MAX = 3_650;
const SCORING_WAIT_MS = 250;

/** The whole system with the demo's model, trained or from the cache. */
export async function startDemoSystem(options: {
  readonly workspace: Workspace;
  readonly steps: StepLog;
  /** Whether the archive service also runs, so that lost window state can be rebuilt. */
  readonly isArchived?: boolean;
  /** Whether the console runs. */
  readonly hasConsole?: boolean;
  readonly topology?: Topology;
  /** Whether the profiles of the history are loaded and used for payments. */
  readonly hasProfiles?: boolean;
  /** TLS and access control everywhere. */
  readonly isSecure?: boolean;
  /** Number of Kafka brokers; default 1. */
  readonly brokers?: number;
  /** If given, a server that exits unexpectedly is restarted and reported to this listener. */
  readonly onServer?: ServerListener;
  /** False for a caller that handles Ctrl-C itself. Default true. */
  readonly endOnSignals?: boolean;
  /** A simulation other than the demo's, with its own registry. */
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
