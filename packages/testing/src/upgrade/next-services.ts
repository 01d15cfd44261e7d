import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { localUrl, planServices } from "@tripline/system/services/plan-services";
import type { RunningSystem, SystemOptions } from "@tripline/system/services/run-system";
import type { ServicePlan } from "@tripline/system/services/supervise-services";
import { ServiceProcess } from "@tripline/system/services/supervise-services";

/** A service of this build: one instance that runs alongside the old one, and one that replaces it. */
export interface NextService {
  readonly name: string;
  readonly beside: ServiceProcess;
  readonly instead: ServiceProcess;
}

/**
 * Replaced last: the new instance first calls the old scoring service, and later the old instance calls the new one.
 */
const LAST = "decisions";

/** The services of this build, with the servers and secrets of a system that another build started. */
export async function planNext(options: SystemOptions, old: RunningSystem): Promise<readonly NextService[]> {
  const { workspace } = options;
  const plans = planServices({
    ...options,
    ...old.stack,
    lakeDirectory: workspace.lake,
    attachmentsUrl: pathToFileURL(resolve(workspace.attachments)).href,
    anchorsUrl: pathToFileURL(resolve(workspace.anchors)).href,
    secrets: demoSecrets(workspace.secrets),
  });
  const ordered = [...plans].sort((a, b) => Number(a.name === LAST) - Number(b.name === LAST));
  const logs = join(workspace.logs, "next");
  return Promise.all(
    ordered.map(async (plan) => ({
      name: plan.name,
      beside: new ServiceProcess(await onOtherPorts(plan), join(logs, "beside")),
      instead: new ServiceProcess(plan, logs),
    })),
  );
}

async function onOtherPorts(plan: ServicePlan): Promise<ServicePlan> {
  const [port = 0, grpcPort = 0] = await findFreePorts(2);
  const environment: Record<string, string> = { ...plan.environment, PORT: String(port) };
  if ("GRPC_PORT" in environment) environment.GRPC_PORT = String(grpcPort);
  return { ...plan, url: localUrl(port, false), environment };
}
