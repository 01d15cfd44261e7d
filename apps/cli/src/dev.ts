import { once } from "node:events";
import { join } from "node:path";
import { Command } from "commander";
import { endOnSignal } from "./end-on-signal.js";
import { DEMO_WORKSPACE } from "./local-system.js";
import { MODEL_NAME } from "./plan-services.js";
import type { RunningSystem } from "./run-system.js";
import { firstRequest } from "./show-first-request.js";
import { startDemoSystem } from "./start-demo-system.js";
import { bootstrapSteps, StepLog } from "./step-log.js";
import type { ServiceProcess } from "./supervise-services.js";
import { watchSources } from "./watch-sources.js";
import { STATE_DIRECTORY, workspaceIn } from "./workspace.js";

const SERVICES = ["auth", "ingestion", "features", "scoring", "decisions", "archive"];

/**
 * `tripline dev [service]`: the whole system for a developer. Every source is watched and compiled; the named service
 * (or all of them) starts again when its own code or that of a package has changed.
 */
export function devCommand(): Command {
  return new Command("dev")
    .description("start everything and restart a service when its code changes")
    .argument("[service]", `${SERVICES.join(", ")}; all when left out`)
    .action(async (name: string | undefined) => {
      if (name !== undefined && !SERVICES.includes(name)) {
        throw new Error(`There is no service "${name}"; there are ${SERVICES.join(", ")}.`);
      }
      const end = endOnSignal();
      const steps = new StepLog(process.stderr, bootstrapSteps(), end.signal);
      const workspace = workspaceIn(join(STATE_DIRECTORY, DEMO_WORKSPACE));
      const { model, system } = await startDemoSystem({ workspace, steps, isArchived: true });
      try {
        process.stdout.write(
          `\n  API ${system.apiUrl}, model ${MODEL_NAME} ${model.version}, logs in ${workspace.logs}\n` +
            `  Ctrl-C stops all of it. A payment of your own:\n\n${firstRequest(system.apiUrl, DEMO_WORKSPACE)}\n\n`,
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
      process.stdout.write(`  ${service.plan.name} starts again\n`);
      service.restart();
    }
  });
  if (!signal.aborted) await once(signal, "abort");
  unwatch();
}
