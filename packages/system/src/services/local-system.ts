import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Workspace } from "./workspace.js";
import { STATE_DIRECTORY, workspaceIn } from "./workspace.js";

const localSystem = z.strictObject({
  kafkaBrokers: z.array(z.string()).min(1),
  redisUrl: z.string(),
  /** Where its archive writes; absent where it runs none. */
  lakeDirectory: z.string().optional(),
  /** The snapshot of window states with which it began. */
  statePath: z.string().optional(),
  /** The tables of the profiles with which it began, and the time as of which they were loaded. */
  profiles: z.strictObject({ folder: z.string(), untilMs: z.number() }).optional(),
});

/** What a command needs to know of a system on this machine; the system writes it while it runs. */
export type LocalSystem = z.infer<typeof localSystem>;

export const DEMO_WORKSPACE = "demo";

/** Removes the file when the system stops; after `kill -9` it stays, and its addresses do not answer. */
export function announceSystem(workspace: Workspace, system: LocalSystem): () => void {
  const file = fileIn(workspace);
  mkdirSync(workspace.directory, { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(system, null, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return () => rmSync(file, { force: true });
}

/**
 * @param name of its folder below .tripline
 * @throws Error in one sentence if no system of that name runs
 */
export function readLocalSystem(name: string): LocalSystem {
  const file = fileIn(workspaceIn(join(STATE_DIRECTORY, name)));
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new Error(`No system is running here: ${file} does not exist. Start the demo, or give the addresses.`);
  }
  return localSystem.parse(JSON.parse(text));
}

const fileIn = (workspace: Workspace): string => join(workspace.directory, "system.json");
