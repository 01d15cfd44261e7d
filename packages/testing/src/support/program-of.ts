import type { ProgramName, ServiceName } from "@tripline/system/service-environment/service-variables";
import { TOGETHER_TARGETS } from "@tripline/system/service-environment/shared-sources";
import type { Topology } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";

/** The name of the process that runs a service. */
export function programOf(service: ServiceName, topology: Topology): ProgramName {
  const isTogether = topology === "together" && TOGETHER_TARGETS.split(",").includes(service);
  return isTogether ? "tripline" : service;
}

/** The process that runs a service. @throws Error if the system has none */
export function processOf({ services }: Pick<RunningSystem, "services">, service: ServiceName, topology: Topology) {
  const found = services.get(programOf(service, topology));
  if (found === undefined) throw new Error(`The service ${service} has no process.`);
  return found;
}
