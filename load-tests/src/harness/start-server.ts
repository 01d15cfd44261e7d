import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ManagedProcess } from "@tripline/local-stack/processes/managed-process";
import type { BenchContext } from "./bench-context.js";
import { SERVER_FOLDERS } from "./clear-leftovers.js";

export interface ServerPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** The port on which it listens. */
  readonly port: number;
  readonly readyMs: number;
  isReady(): Promise<boolean>;
}

const STOP_MS_MAX = 10_000;

/** The folder for a server's files. Created if missing. */
export async function serverDirectory(context: BenchContext): Promise<string> {
  const directory = join(context.folder, SERVER_FOLDERS.servers);
  await mkdir(directory, { recursive: true });
  return directory;
}

/** Node options with which a service writes its profile at exit. */
export function profiling({ profiles }: BenchContext): string[] {
  return profiles === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profiles}`];
}

/** Starts a server, waits until it is ready, and stops it at the end of the part. @returns its process ID */
export async function startServer(context: BenchContext, plan: ServerPlan): Promise<number> {
  const directory = await serverDirectory(context);
  const variables = Object.entries(plan.environment).map(([name, value]) => `${name}=${value}`);
  const server = new ManagedProcess({
    name: plan.name,
    title: plan.name,
    directory,
    // env(1) replaces itself with the program, so the process ID stays the same.
    command: "env",
    args: [...variables, plan.command, ...plan.args],
    cwd: directory,
    port: plan.port,
    stopSignal: "SIGTERM",
    stopMs: STOP_MS_MAX,
    readyMs: plan.readyMs,
    isReady: () => plan.isReady(),
  });
  context.log(`  starting ${plan.name}`);
  // It leads its own process group, because its workers would outlive it if this process ended early.
  const killGroup = () => {
    if (server.pid !== undefined) process.kill(-server.pid, "SIGKILL");
  };
  process.once("exit", killGroup);
  context.defer(async () => {
    await server.stop();
    process.off("exit", killGroup);
  });
  await server.start();
  return server.pid ?? 0;
}
