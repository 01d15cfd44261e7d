import { setTimeout as delay } from "node:timers/promises";
import type { BenchSystem } from "../system/read-services.js";

const POLL_MS = 250;
const POLLS_MAX = 80;
const AT_A_TIME = 16;

/** Fetches late decisions until they exist. @returns the number of decisions that never arrived */
export async function fetchDecisions(system: BenchSystem, ids: readonly string[]): Promise<number> {
  let open = [...ids];
  for (let poll = 0; poll < POLLS_MAX && open.length > 0; poll += 1) {
    if (poll > 0) await delay(POLL_MS);
    const left: string[] = [];
    for (let start = 0; start < open.length; start += AT_A_TIME) {
      const some = open.slice(start, start + AT_A_TIME);
      const found = await Promise.all(some.map((id) => isDecided(system, id)));
      left.push(...some.filter((_, index) => found[index] !== true));
    }
    open = left;
  }
  return open.length;
}

async function isDecided({ port, authorization }: BenchSystem, id: string): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/decisions/${id}`, { headers: { authorization } });
  await response.arrayBuffer();
  return response.status === 200;
}
