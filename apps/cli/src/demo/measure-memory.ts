import { existsSync, readFileSync } from "node:fs";

const KB_PER_MB = 1_024;

/**
 * Total memory of Tripline's own processes, with shared pages counted once (PSS).
 *
 * @returns no line on systems without /proc
 */
export function memoryLines(services: ReadonlyMap<string, { readonly pid: number | undefined }>): string[] {
  const each = [...services].flatMap(([name, { pid }]) => {
    const megabytes = pid === undefined ? undefined : megabytesOf(pid);
    return megabytes === undefined ? [] : [{ name, megabytes }];
  });
  if (each.length === 0) return [];
  const total = each.reduce((sum, { megabytes }) => sum + megabytes, 0);
  const parts = each.map(({ name, megabytes }) => `${name} ${megabytes.toFixed(0)}`).join(", ");
  return [`  memory of Tripline's processes ${total.toFixed(0)} MB (${parts})`];
}

function megabytesOf(pid: number): number | undefined {
  const file = `/proc/${pid}/smaps_rollup`;
  const kilobytes = existsSync(file) ? /^Pss:\s+(\d+) kB$/m.exec(readFileSync(file, "utf8"))?.[1] : undefined;
  return kilobytes === undefined ? undefined : Number(kilobytes) / KB_PER_MB;
}
