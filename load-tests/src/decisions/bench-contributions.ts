import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { endedChildrenCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { samplesOf } from "../harness/run-contestants.js";

const ROUNDS = 3;
const PROGRAM_MS_MAX = 120_000;
const MODEL = /trees=300 depth=6 .*?(row_us_b1=.*)$/m;

/** Contributions by packages/tree-shap. Its own benchmark creates complete trees, the worst case of their depth. */
export const contributionsPart: BenchPart = {
  name: "contributions",
  title: "contributions of a payment with 300 trees of depth 6, packages/tree-shap",
  run: runContributions,
};

async function runContributions(context: BenchContext): Promise<PartOutcome> {
  const program = join(context.root, "packages", "tree-shap", "dist", "testing", "bench-explain.js");
  const measured = await context.measure(
    [
      {
        name: "tree-shap",
        meters: [endedChildrenCpu("tree-shap")],
        async run() {
          const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: PROGRAM_MS_MAX });
          return { operations: 1, figures: figuresOf(stdout) };
        },
      },
    ],
    { roundsDefault: context.flags.short === true ? 1 : ROUNDS },
  );
  return {
    contestants: measured,
    summary: { contrib_us: samplesOf(measured, "tree-shap", "row_us_b16") },
    notes: ["contrib_us: CPU time per payment in batches of 16; row_us_b1: CPU time of a single payment."],
  };
}

/** @throws BenchError if the program prints something else */
function figuresOf(output: string): Record<string, number> {
  const [, line] = MODEL.exec(output) ?? [];
  if (line === undefined) throw new BenchError(`The benchmark of tree-shap printed no figures: ${output}`);
  const pairs = line
    .trim()
    .split(" ")
    .map((pair) => pair.split("="));
  return Object.fromEntries(pairs.map(([name = "", value]) => [name, Number(value)]));
}
