import { join } from "node:path";
import type { ServiceAccess } from "./local-security.js";
import { tlsVariables } from "./local-system.js";
import { DEMO_TENANT } from "./plan-services.js";
import type { ServicePlan } from "./supervise-services.js";

/** The name of the worker, its log and its identity in infra/access.yaml. */
export const SNAPSHOTS = "snapshots";

/** Leaves memory for the services. The state of a demo needs far less. */
const MEMORY_GIB = 0.25;

export interface PlanSnapshotsOptions {
  readonly kafkaBrokers: readonly string[];
  readonly redisUrl: string;
  readonly lakeDirectory: string;
  /** The states with which the system started. */
  readonly statePath?: string;
  readonly access?: ServiceAccess;
}

/** The process that takes snapshots of the window states at the default interval. It has no port. */
export function planSnapshots(options: PlanSnapshotsOptions): ServicePlan {
  const { kafkaBrokers, redisUrl, lakeDirectory, statePath, access } = options;
  return {
    name: SNAPSHOTS,
    url: "",
    program: join("apps", "features", "dist", "snapshot", "worker", "main.js"),
    environment: {
      KAFKA_BROKERS: kafkaBrokers.join(","),
      REDIS_URL: access?.redisUrl ?? redisUrl,
      LAKE_URL: lakeDirectory,
      // A restore also deletes the profiles of erased people.
      FEAST_TENANT: DEMO_TENANT,
      STATE_MEMORY_GIB: String(MEMORY_GIB),
      ...(statePath === undefined ? {} : { STATE_FILE: statePath }),
      ...(access === undefined ? {} : tlsVariables(access)),
    },
  };
}
