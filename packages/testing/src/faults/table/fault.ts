import type { NetworkProxy } from "@tripline/local-stack/testing/network-proxy";
import type { ServiceName } from "@tripline/system/service-environment/service-variables";
import type { RunningSystem } from "@tripline/system/services/run-system";
import type { BusyService } from "../kill-busy.js";
import type { InnerFault } from "./causes/inner-fault.js";
import type { Answer } from "./steady-traffic.js";

export interface FaultTools {
  readonly system: RunningSystem;
  /** Folders of the services' model registry and lake. */
  readonly registry: string;
  readonly lake: string;
  /** Proxy between the services and Valkey. */
  readonly valkey: NetworkProxy;
  /** Proxy between the decisions and scoring services; unused if they share a process. */
  readonly scoring: NetworkProxy;
  /** Sends a burst of payments, so that every service has uncommitted work. */
  burst(): void;
  /** Kills a service while it has uncommitted work. */
  killBusy(service: BusyService): Promise<void>;
  /** The process that runs a service. */
  processOf(service: ServiceName): { readonly pid: number | undefined; kill(): void };
  /** Causes a fault inside a service's process. */
  causeInside(service: ServiceName, fault: InnerFault): Promise<void>;
}

export interface Fault {
  readonly id: string;
  readonly title: string;
  /** The expected verdict, written before the first run: the worst first response that this fault may cause. */
  readonly worst: Answer;
  /**
   * Causes the fault and, unless the system recovers by itself, ends it.
   *
   * @throws Error with a one-sentence message if the system violates a requirement that the responses do not show
   */
  cause(tools: FaultTools): Promise<void>;
}

export type Cause = Fault["cause"];

/** How long a server or an upstream service stays unavailable. */
export const DOWN_MS = 10_000;
