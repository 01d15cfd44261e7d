import type { ProgramName, ServiceName } from "@tripline/system/service-environment/service-variables";
import { TOGETHER_TARGETS } from "@tripline/system/service-environment/shared-sources";
import type { Topology } from "@tripline/system/services/plan-services";

/** The name of the process that runs a service. */
export function programOf(service: ServiceName, topology: Topology): ProgramName {
  const isTogether = topology === "together" && TOGETHER_TARGETS.split(",").includes(service);
  return isTogether ? "tripline" : service;
}
