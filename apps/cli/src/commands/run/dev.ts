import { once } from "node:events";
import { join } from "node:path";
import { startDemoSystem } from "@tripline/model-loop/start-demo-system";
import { endOnSignal } from "@tripline/system/end-on-signal";
import { DEMO_WORKSPACE } from "@tripline/system/services/local-system";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import type { ServiceProcess } from "@tripline/system/services/supervise-services";
import { watchSources } from "@tripline/system/services/watch-sources";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { Command } from "commander";
import { firstRequest } from "../../demo/show-first-request.js";

const SERVICES = ["auth", "control", "ingestion", "features", "scoring", "decisions", "archive", "console"];

/**
 * `tripline dev [service]`: runs the whole system for development. It watches and compiles all sources, and restarts
 * the named service (or all of them) when its own code or a package's code has changed.
 */
export function devCommand(): Command {
  return new Command("dev")
    .description("start everything, and restart a service when its code changes")
    .argument("[service]", `${SERVICES.join(", ")}; all if omitted`)
    .action(async (name: string | undefined) => {
      if (name !== undefined && !SERVICES.includes(name)) {
        throw new Error(`Unknown service "${name}". The services are ${SERVICES.join(", ")}.`);
      }
      const end = endOnSignal();
      const steps = new StepLog(process.stderr, bootstrapSteps(), end.signal);
      const workspace = workspaceIn(join(STATE_DIRECTORY, DEMO_WORKSPACE));
      const { model, system } = await startDemoSystem({
        workspace,
        steps,
        isArchived: true,
        hasConsole: true,
        endOnSignals: false,
      });
      try {
        process.stdout.write(
          `\n  API ${system.apiUrl}, model ${MODEL_NAME} ${model.version}, logs in ${workspace.logs}\n` +
            `  Press Ctrl-C to stop. To send a payment:\n\n${firstRequest(system.apiUrl, DEMO_WORKSPACE)}\n\n`,
        );
        await developUntil(end.signal, watchedOf(system, name));
      } finally {
        await steps.finish("stop everything", () => system.stop());
      }
    });
}

function watchedOf(system: RunningSystem, name: string | undefined): ServiceProcess[] {
  return [...system.services.values()].filter((service) => name === undefined || service.plan.name === name);
}

async function developUntil(signal: AbortSignal, services: readonly ServiceProcess[]): Promise<void> {
  process.stdout.write(`  watching the sources for ${services.map((service) => service.plan.name).join(", ")}\n`);
  const unwatch = watchSources((folders) => {
    const packageChanged = [...folders].some((folder) => folder.startsWith("packages/"));
    for (const service of services) {
      if (!packageChanged && !folders.has(`apps/${service.plan.name}`)) continue;
      process.stdout.write(`  restarting ${service.plan.name}\n`);
      service.restart();
    }
  });
  if (!signal.aborted) await once(signal, "abort");
  unwatch();
}
