import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { TIMES } from "@tripline/model-loop/drift-rehearsal/drift-world";
import { rehearseDrift } from "@tripline/model-loop/drift-rehearsal/rehearse-drift";
import type { ShiftName } from "@tripline/model-loop/drift-rehearsal/shift-traffic";
import { SHIFT_NAMES } from "@tripline/model-loop/drift-rehearsal/shift-traffic";
import { StepLog } from "@tripline/system/step-log";
import { Command, Option } from "commander";
import { wholeNumber } from "../number-options.js";

interface BenchDriftFlags {
  readonly seed: number;
  readonly shift: ShiftName;
  readonly everyDays: number;
  readonly jobs: number;
}

/** `tripline bench-drift`: measures how good champions become after a drift, without running any services. */
export function benchDriftCommand(): Command {
  return new Command("bench-drift")
    .description("shift simulated traffic, let the training worker respond, and measure each new champion")
    .option("--seed <number>", "seed of the simulation", wholeNumber, 7)
    .addOption(
      new Option("--shift <name>", "the change in the traffic").choices([...SHIFT_NAMES]).default("amounts" as const),
    )
    .option(
      "--every-days <days>",
      "days of new labels after which a retraining starts even without drift",
      wholeNumber,
      TIMES.everyDays,
    )
    .option("--jobs <count>", "training threads", wholeNumber, Math.min(2, availableParallelism()))
    .action(async ({ seed, shift, everyDays, jobs }: BenchDriftFlags) => {
      const folder = await mkdtemp(join(tmpdir(), "tripline-bench-drift-"));
      const print = (line: string): void => {
        process.stdout.write(`${line}\n`);
      };
      try {
        const ratio = await rehearseDrift({ seed, shift, everyDays, jobs, folder, steps: new StepLog(), print });
        print(`bench-drift: seed=${seed} shift=${shift} ratio=${ratio?.toFixed(3) ?? "none"}`);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}
