import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { endedChildrenCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";
import type { FoldFigures } from "./fold-simulation.js";

const ROUNDS = 5;
const PAYMENTS = 200_000;
/** Nothing may run longer. */
const PROCESS_MS_MAX = 600_000;

/** Why there are two engines, see docs/adr/0022-a-second-engine-in-bulk.md. */
export const bulkPart: BenchPart = {
  name: "bulk",
  title: `all features of ${PAYMENTS} simulated payments: the bulk engine beside the online engine sharded by entity`,
  onlyWhenNamed: true,
  run: runBulk,
};

async function runBulk(context: BenchContext): Promise<PartOutcome> {
  const found = new Set<string>();
  const contestants = ["bulk", "online"].map((name) => contestantOf(context, name, found));
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS });
  if (found.size !== 1) throw new BenchError("The engines do not compute the same values.");
  return {
    contestants: measured,
    summary: {
      bulk_ratio: ratioOf(measured, "fold_cpu_ms", "online", "bulk"),
      bulk_wall_ratio: ratioOf(measured, "fold_ms", "online", "bulk"),
    },
    notes: [
      "Each round is a process of its own. fold_ms and fold_cpu_ms are of folding alone; the rest is the simulation.",
      "One share on one core each: more shares divide the work of both in the same way.",
    ],
  };
}

function contestantOf({ root }: BenchContext, name: string, found: Set<string>): Contestant {
  const program = join(root, "load-tests", "dist", "features", "fold-simulation.js");
  return {
    name,
    meters: [endedChildrenCpu("process")],
    run: async () => {
      const args = [program, name, `${PAYMENTS}`];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: PROCESS_MS_MAX });
      const { payments, foldMs, foldCpuMs, values }: FoldFigures = JSON.parse(stdout);
      found.add(values);
      return { operations: payments, figures: { fold_ms: foldMs, fold_cpu_ms: foldCpuMs } };
    },
  };
}
