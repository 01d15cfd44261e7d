import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { makeTestDirectory } from "@tripline/local-stack/testing/directory";
import { readPorts } from "../../ports.mjs";
import { StepLog } from "../step-log.js";
import { startSystem } from "./run-system.js";
import { workspaceIn } from "./workspace.js";

test("regression #12: a second system in a workspace is refused, and does not disturb the running one", async () => {
  const workspace = workspaceIn(makeTestDirectory());
  const log = join(workspace.logs, "ingestion.log");
  mkdirSync(workspace.logs, { recursive: true });
  writeFileSync(log, "of the first\n");
  const running = await startStack({ directory: workspace.stack, parts: ["redis"], endOnSignals: false });
  try {
    const second = startSystem({
      workspace,
      ports: readPorts(),
      registryUrl: "file:///nowhere",
      eventAgeDaysMax: 1,
      scoringWaitMs: 1,
      steps: new StepLog(process.stderr),
    });
    await expect(second).rejects.toThrow(
      `${workspace.stack} is in use by process ${process.pid}, which runs redis there`,
    );
    expect(existsSync(log)).toBe(true);
    expect(existsSync(join(workspace.stack, "run", "redis.json"))).toBe(true);
  } finally {
    await running.stop();
    rmSync(workspace.directory, { recursive: true, force: true });
  }
});
