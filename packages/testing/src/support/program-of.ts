import type { ProgramName, ServiceName } from "@tripline/system/service-environment/service-variables";
import { TOGETHER_TARGETS } from "@tripline/system/service-environment/shared-sources";
import type { Topology } from "@tripline/system/services/plan-services";

/** The process in which a service runs. */
export function programOf(service: ServiceName, topology: Topology): ProgramName {
  const isTogether = topology === "together" && TOGETHER_TARGETS.split(",").includes(service);
  return isTogether ? "tripline" : service;
}
