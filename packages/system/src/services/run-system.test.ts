import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { endLeftovers } from "@tripline/local-stack/processes/end-leftovers";
import { identifyProcess } from "@tripline/local-stack/processes/identify-process";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { makeTestDirectory } from "@tripline/local-stack/testing/directory";
import { readPorts } from "../../ports.mjs";
import { StepLog } from "../step-log.js";
import { findPortBase } from "../testing/find-port-base.js";
import { startSystem } from "./run-system.js";
import { workspaceIn } from "./workspace.js";

const START_MS_MAX = 300_000;
/** The kernel needs a moment to deliver the signals that the servers got before their parent ended. */
const END_MS_MAX = 60_000;
const POLL_MS = 20;
/** 128 plus the number of SIGINT. */
const EXIT_INTERRUPTED = 130;

/** @throws Error on timeout */
async function until(isSo: () => boolean, msMax: number): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`It is not so after ${msMax} ms.`);
    await delay(POLL_MS);
  }
}

test(
  "Ctrl-C stops the Kafka, Valkey and Postgres of a command that does not stop them itself",
  async () => {
    const workspace = workspaceIn(makeTestDirectory());
    const options = {
      workspace,
      ports: readPorts({ TRIPLINE_PORT_BASE: await findPortBase() }),
      registryUrl: "file:///nowhere",
      eventAgeDaysMax: 1,
      scoringWaitMs: 1,
    };
    const urlOf = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
    const script = `
      import { StepLog } from ${urlOf("../step-log.js")};
      import { startSystem } from ${urlOf("./run-system.js")};
      await startSystem({ ...${JSON.stringify(options)}, steps: new StepLog(process.stderr) });`;
    const command = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
    const exit = once(command, "exit");
    try {
      const announced = join(workspace.directory, "system.json");
      await until(() => existsSync(announced) || command.exitCode !== null, START_MS_MAX);
      const records = join(workspace.stack, "run");
      const files = ["kafka.json", "postgres.json", "redis.json"];
      const pids = files.map((file) => JSON.parse(readFileSync(join(records, file), "utf8")).child.pid);
      command.kill("SIGINT");
      expect(await exit).toEqual([EXIT_INTERRUPTED, null]);
      await until(() => pids.every((pid) => identifyProcess(pid) === undefined), END_MS_MAX);
    } finally {
      command.kill("SIGKILL");
      await exit;
      await endLeftovers(workspace.stack);
      rmSync(workspace.directory, { recursive: true, force: true });
    }
  },
  START_MS_MAX,
);

test("regression #12: rejects a second system in a workspace without disturbing the running one", async () => {
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
