import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

/** Creates an empty folder that belongs to this process, after removing abandoned folders. */
export async function makeOwnFolder(parent: string, prefix: string): Promise<string> {
  await removeAbandoned(parent, prefix);
  return mkdtemp(join(parent, `${prefix}-${process.pid}-${(await startOf(process.pid)) ?? ""}-`));
}

/** Removes folders from `makeOwnFolder` that belonged to processes that are no longer running. */
export async function removeAbandoned(parent: string, prefix: string): Promise<void> {
  const pattern = new RegExp(`^${prefix}-(\\d+)-(?:(\\d*)-)?`);
  for (const name of await readdir(parent)) {
    const [, pid, start] = pattern.exec(name) ?? [];
    if (pid !== undefined && !(await isRunning(Number(pid), start))) {
      // Another process may be removing it, or it belongs to another user.
      await rm(join(parent, name), { recursive: true, force: true }).catch(() => {});
    }
  }
}

/** Compares the start time as well, because in a container, the next process gets the same pid. */
async function isRunning(pid: number, start: string | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // With EPERM, the process is running as another user.
    if (Reflect.get(Object(cause), "code") !== "EPERM") return false;
  }
  const startNow = await startOf(pid);
  return startNow === undefined || startNow === start;
}

/** When a process started, in clock ticks since boot; undefined if the system does not report it. */
async function startOf(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // Starts at the third field, because the command's name before it may contain spaces and parentheses. See
  // proc_pid_stat(5).
  return line.slice(line.lastIndexOf(")") + 2).split(" ")[19];
}
