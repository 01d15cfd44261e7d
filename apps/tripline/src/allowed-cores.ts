import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const CGROUPS = "/sys/fs/cgroup";
const OWN_CGROUP = "/proc/self/cgroup";

/**
 * Cores that this process may use, according to the limits of its control groups (cgroups(7), version 2): `docker run
 * --cpus`, or `resources.limits.cpu` of a pod.
 *
 * @returns undefined if there is no limit, and on systems without cgroups
 */
export function allowedCores(root = CGROUPS, own = OWN_CGROUP): number | undefined {
  const path = /^0::(.*)$/m.exec(readText(own))?.[1];
  if (path === undefined) return undefined;
  const limits: number[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    const [quota, period] = readText(join(root, folder, "cpu.max"))
      .trim()
      .split(" ")
      .map(Number);
    if (quota !== undefined && period !== undefined && quota / period > 0) limits.push(quota / period);
    if (dirname(folder) === folder) break;
  }
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** Empty if the file does not exist. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
