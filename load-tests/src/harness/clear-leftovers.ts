import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { endLeftovers } from "@tripline/local-stack/processes/end-leftovers";
import { identifyProcess, isAlive } from "@tripline/local-stack/processes/identify-process";
import { z } from "zod";

const record = z.object({ child: z.object({ pid: z.number().int().positive(), startedAt: z.string() }) });

const RUN = /^run-(\d+)$/;

/** Folder of the run of a process. */
export const runFolder = (results: string, pid: number): string => join(results, `run-${pid}`);

/** File in which a run records its servers, so that a later run finds them. */
export const SERVER_FOLDERS = { stack: "stack", servers: "servers" } as const;

/** Cleans up after killed runs: stops their servers and removes their folders. Leaves active runs alone. */
export async function clearLeftovers(results: string): Promise<void> {
  for (const name of await namesIn(results)) {
    const pid = Number(RUN.exec(name)?.[1]);
    if (Number.isNaN(pid) || identifyProcess(pid) !== undefined) continue;
    const folder = join(results, name);
    for (const servers of Object.values(SERVER_FOLDERS)) {
      await killGroups(join(folder, servers, "run"));
      await endLeftovers(join(folder, servers));
    }
    await rm(folder, { recursive: true, force: true });
  }
}

/** A server leads its own process group, because its workers would outlive it. */
async function killGroups(records: string): Promise<void> {
  for (const name of await namesIn(records)) {
    const found = record.safeParse(JSON.parse(await readFile(join(records, name), "utf8")));
    if (found.success && isAlive(found.data.child)) process.kill(-found.data.child.pid, "SIGKILL");
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
