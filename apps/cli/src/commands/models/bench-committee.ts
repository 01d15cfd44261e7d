import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { explorationBars } from "@tripline/model-loop/exploration-rehearsal/exploration-bars";
import { rehearseExploration } from "@tripline/model-loop/exploration-rehearsal/rehearse-exploration";
import type { Bar } from "@tripline/model-loop/rollout-rehearsal/guard-bars";
import { measureGuards } from "@tripline/model-loop/rollout-rehearsal/guard-bars";
import { parsePairs } from "@tripline/model-loop/rollout-rehearsal/scored-pairs";
import { Command } from "commander";
import { wholeNumber } from "../number-options.js";

interface BenchCommitteeFlags {
  readonly seed: number;
  readonly rollouts: number;
  readonly badRollouts: number;
  readonly pairs?: string;
  readonly generations: number;
}

/** `tripline bench-committee`: measures the guards of rollouts and exploration, and fails if one misses its target. */
export function benchCommitteeCommand(): Command {
  return new Command("bench-committee")
    .description("simulate rollouts of good and bad models and a bank that explores its declines, and measure both")
    .option("--seed <number>", "seed of the simulation", wholeNumber, 1)
    .option("--rollouts <count>", "rollouts of equally good models; 0: no rollouts", wholeNumber, 10_000)
    .option("--bad-rollouts <count>", "rollouts of each kind of bad model", wholeNumber, 201)
    .option(
      "--pairs <file>",
      "scores of two models, one line per payment: card, 1 for fraud, champion's score, candidate's score",
    )
    .option(
      "--generations <count>",
      "also simulate a bank that explores its declines, with this many models in turn",
      wholeNumber,
      0,
    )
    .action(async ({ pairs, generations, ...options }: BenchCommitteeFlags) => {
      const read = pairs === undefined ? {} : { pairs: parsePairs(readFileSync(pairs, "utf8")) };
      const explored = generations === 0 ? [] : await measureExploration(options.seed, generations);
      const bars = [...(options.rollouts === 0 ? [] : measureGuards({ ...options, ...read })), ...explored];
      for (const { what, figure, isMet } of bars) {
        process.stdout.write(`${isMet ? "met   " : "MISSED"} ${what}: ${figure}\n`);
      }
      if (bars.some(({ isMet }) => !isMet)) process.exitCode = 1;
    });
}

/** One bank with exploration, and one without. */
async function measureExploration(seed: number, generations: number): Promise<Bar[]> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-exploration-"));
  const bank = (explores: boolean) =>
    rehearseExploration({
      ...{ seed, explores, generations, folder: join(folder, String(explores)) },
      onProgress: (line) => process.stdout.write(`${explores ? "exploring" : "without exploration"}, ${line}\n`),
    });
  try {
    return explorationBars(await bank(true), await bank(false), generations);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
