import { readFileSync } from "node:fs";
import { measureGuards } from "@tripline/model-loop/rollout-rehearsal/guard-bars";
import { parsePairs } from "@tripline/model-loop/rollout-rehearsal/scored-pairs";
import { Command } from "commander";
import { wholeNumber } from "../number-options.js";

interface BenchCommitteeFlags {
  readonly seed: number;
  readonly rollouts: number;
  readonly badRollouts: number;
  readonly pairs?: string;
}

/** `tripline bench-committee`: measures the guards of rollouts, and fails if one misses its target. */
export function benchCommitteeCommand(): Command {
  return new Command("bench-committee")
    .description("simulate rollouts of good and bad models, and measure when the guards end them")
    .option("--seed <number>", "seed of the simulation", wholeNumber, 1)
    .option("--rollouts <count>", "rollouts of equally good models", wholeNumber, 10_000)
    .option("--bad-rollouts <count>", "rollouts of each kind of bad model", wholeNumber, 201)
    .option("--pairs <file>", "scores of two models: lines of card, 1 for fraud, champion's score, candidate's score")
    .action(({ pairs, ...options }: BenchCommitteeFlags) => {
      const read = pairs === undefined ? {} : { pairs: parsePairs(readFileSync(pairs, "utf8")) };
      const bars = measureGuards({ ...options, ...read });
      for (const { what, figure, isMet } of bars) {
        process.stdout.write(`${isMet ? "met   " : "MISSED"} ${what}: ${figure}\n`);
      }
      if (bars.some(({ isMet }) => !isMet)) process.exitCode = 1;
    });
}
