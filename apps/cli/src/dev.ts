import { spawn } from "node:child_process";
import { join } from "node:path";
import { Command } from "commander";
import { MODEL_NAME } from "./plan-services.js";
import { startDemoSystem } from "./start-demo-system.js";
import { bootstrapSteps, StepLog } from "./step-log.js";
import { ROOT, STATE_DIRECTORY, workspaceIn } from "./workspace.js";

/**
 * `tripline dev [service]`: the whole system for a developer. The compiler watches every source; the named service (or
 * all of them) starts again when what it was compiled to changes.
 */
export function devCommand(): Command {
  return new Command("dev")
    .description("start everything and restart a service when its code changes")
    .argument("[service]", "auth, ingestion, features, scoring or decisions; all when left out")
    .action(async (service: string | undefined) => {
      const steps = new StepLog(process.stdout, bootstrapSteps());
      const workspace = workspaceIn(join(STATE_DIRECTORY, "demo"));
      const { model, system } = await startDemoSystem({ workspace, steps, watch: service ?? "all" });
      const compiler = spawn(join(ROOT, "node_modules", ".bin", "tsc"), ["-b", "--watch", "--preserveWatchOutput"], {
        cwd: ROOT,
        stdio: ["ignore", "inherit", "inherit"],
      });
      const { authorization } = system;
      process.stdout.write(
        `\n  API ${system.apiUrl}, model ${MODEL_NAME} ${model.version}, logs in ${workspace.logs}\n` +
          `  Ctrl-C stops all of it. A token for five minutes:\n\n` +
          `export TOKEN=${(await authorization()).replace("Bearer ", "")}\n\n`,
      );
      await new Promise<void>((resolve) => {
        process.once("SIGINT", () => resolve());
        process.once("SIGTERM", () => resolve());
      });
      compiler.kill("SIGTERM");
      await system.stop();
    });
}
