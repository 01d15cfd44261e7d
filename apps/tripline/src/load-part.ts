import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { createLogger } from "@tripline/telemetry/logger";
import type { z } from "zod";
import type { Environment } from "./part-settings.js";
import type { Target } from "./targets.js";

/** Settings that all parts have. */
export interface PartConfig {
  readonly PORT: number;
  readonly METRICS_PORT?: number | undefined;
  readonly GRPC_PORT?: number | undefined;
  readonly DRAIN_SECONDS: number;
}

/** Running parts by name. */
export type RunningTargets = ReadonlyMap<Target, RunningService>;

/** A part whose settings were validated. */
export interface ReadyPart {
  readonly config: PartConfig;
  start(running: RunningTargets): Promise<RunningService>;
}

export interface Part {
  /** Names of the environment variables that the part reads. */
  readonly variables: readonly string[];
  /** @throws TriplineError `config-invalid` */
  read(environment: Environment): ReadyPart;
}

/**
 * Loads a service as a part of this process. Its code is imported only here, so that a process does not load services
 * that it does not run.
 */
export function loadPart(target: Target, targets: readonly Target[]): Promise<Part> {
  return LOADERS[target](targets);
}

const LOADERS: Readonly<Record<Target, (targets: readonly Target[]) => Promise<Part>>> = {
  async auth() {
    const { authConfig } = await import("@tripline/auth/config");
    const { startAuth } = await import("@tripline/auth/start-auth");
    return partOf(authConfig, (config) => startAuth(config));
  },
  async control() {
    const { controlConfig } = await import("@tripline/control/config");
    const { startControl } = await import("@tripline/control/start-control");
    return partOf(controlConfig, (config) => startControl(config));
  },
  async console() {
    const { consoleConfig } = await import("@tripline/console/config");
    const { startConsole } = await import("@tripline/console/start-console");
    return partOf(consoleConfig, (config) => startConsole(config));
  },
  async archive() {
    const { archiveConfig } = await import("@tripline/archive/config");
    const { startArchive } = await import("@tripline/archive/start-archive");
    return partOf(archiveConfig, (config) => startArchive(config));
  },
  async scoring(targets) {
    const { scoringBesideDecisionsConfig, scoringConfig } = await import("@tripline/scoring/config");
    const { startScoring } = await import("@tripline/scoring/start-scoring");
    const schema = targets.includes("decisions") ? scoringBesideDecisionsConfig : scoringConfig;
    return partOf(schema, startScoring);
  },
  async features() {
    const { featuresConfig } = await import("@tripline/features/config");
    const { startFeatures } = await import("@tripline/features/start-features");
    return partOf(featuresConfig, (config) => startFeatures(config));
  },
  decisions: (targets) => (targets.includes("scoring") ? decisionsBesideScoring() : decisionsAlone()),
  async ingestion() {
    const { ingestionConfig } = await import("@tripline/ingestion/config");
    const { startIngestion } = await import("@tripline/ingestion/start-ingestion");
    return partOf(ingestionConfig, (config) => startIngestion(config));
  },
};

async function decisionsAlone(): Promise<Part> {
  const { decisionsConfig } = await import("@tripline/decisions/config");
  const { startDecisions } = await import("@tripline/decisions/start-decisions");
  return partOf(decisionsConfig, (config) => startDecisions(config));
}

/** If an address or an endpoint is set, decisions calls scoring there instead. */
async function decisionsBesideScoring(): Promise<Part> {
  const { decisionsBesideScoringConfig } = await import("@tripline/decisions/config");
  const { startDecisions } = await import("@tripline/decisions/start-decisions");
  const { InferenceServer } = await import("@tripline/scoring/inference/inference-server");
  const { InProcessScoring } = await import("./in-process-scoring.js");
  return partOf(decisionsBesideScoringConfig, (config, running) => {
    const logger = createLogger("decisions", config.LOG_LEVEL);
    if ((config.SCORING_ADDRESS ?? config.SCORING_ENDPOINT_URL) !== undefined) return startDecisions(config, logger);
    const server = () => running.get("scoring")?.get(InferenceServer);
    return startDecisions(config, logger, new InProcessScoring(server, logger));
  });
}

function partOf<S extends z.ZodObject & z.ZodType<PartConfig>>(
  schema: S,
  start: (config: Readonly<z.infer<S>>, running: RunningTargets) => Promise<RunningService>,
): Part {
  return {
    variables: Object.keys(schema.shape),
    read(environment) {
      const config = readConfig(schema, environment);
      return { config, start: (running) => start(config, running) };
    },
  };
}
