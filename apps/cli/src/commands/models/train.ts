import { join } from "node:path";
import { asTriplineError } from "@tripline/contracts/error-table";
import {
  DEMO_SIMULATION,
  HISTORY_DAYS,
  registryIn,
  trainDemoModel,
} from "@tripline/model-loop/demo-model/train-demo-model";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { ROOT, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { Command } from "commander";
import { cardTokenKeyOption, featureAucMaxOption, mapOption, OF_DEMO } from "../data/map-options.js";
import { wholeNumber } from "../number-options.js";
import { trainOnOwnData } from "./own-model.js";

const HISTORY_DAYS_MIN = 42;

/** The version of `champion`, or undefined if there is none. */
async function championOf(registryUrl: string): Promise<string | undefined> {
  try {
    return await openRegistry(registryUrl).aliasTarget(MODEL_NAME, "champion");
  } catch (error) {
    if (asTriplineError(error).code === "model-not-found") return undefined;
    throw error;
  }
}

interface TrainFlags {
  readonly days: number;
  readonly cards: number;
  readonly terminals: number;
  readonly seed: number;
  readonly force?: boolean;
  readonly root: string;
  readonly registry?: string;
  readonly unlessPublished?: boolean;
  readonly map?: string;
  readonly from?: string;
  readonly to?: string;
  readonly cardTokenKey?: Buffer;
  readonly tenant?: string;
  readonly featureAucMax?: number;
}

/** `tripline train`: publishes a model from scratch, with the demo's options by default. */
export function trainCommand(): Command {
  return new Command("train")
    .description("train a model on a simulated history, or on your own payments with --map, and publish it as champion")
    .addOption(mapOption())
    .option("--from <day>", "with --map: first day to train on, such as 2026-01-15; not the first day of the file")
    .option("--to <day>", "with --map: last day to train on; labels that arrive later are not used")
    .addOption(cardTokenKeyOption(`with --map; ${OF_DEMO}`))
    .option("--tenant <name>", "with --map: the tenant of the payments (default: the demo's tenant)")
    .addOption(featureAucMaxOption("--map"))
    .option("--days <count>", `days of history, at least ${HISTORY_DAYS_MIN}`, wholeNumber, HISTORY_DAYS)
    .option("--cards <count>", "active cards", wholeNumber, DEMO_SIMULATION.cards)
    .option("--terminals <count>", "active terminals", wholeNumber, DEMO_SIMULATION.terminals)
    .option("--seed <number>", "seed; the same seed produces the same payments", wholeNumber, DEMO_SIMULATION.seed)
    .option("--force", "train again even if nothing changed")
    .option("--root <folder>", "store histories and features in .tripline in this folder", ROOT)
    .option("--registry <url>", "publish to this registry instead of the one in that folder")
    .option("--unless-published", "do nothing if the registry already has a champion")
    .action(async function (this: Command, flags: TrainFlags) {
      if (flags.map !== undefined) {
        const { map, from, to } = flags;
        if (from === undefined || to === undefined) return this.error("error: --map requires --from and --to");
        return trainOnOwnData({ ...flags, map, from, to }, new StepLog(process.stderr, bootstrapSteps()));
      }
      const { days, cards, terminals, seed, force = false, root, registry } = flags;
      if (days < HISTORY_DAYS_MIN) this.error(`error: --days must be at least ${HISTORY_DAYS_MIN}`);
      const published = flags.unlessPublished === true ? await championOf(registry ?? registryIn(root)) : undefined;
      if (published !== undefined) {
        process.stdout.write(`${MODEL_NAME} ${published} is already published\n`);
        return;
      }
      const steps = new StepLog(process.stderr, bootstrapSteps());
      const simulation = { ...DEMO_SIMULATION, cards, terminals, seed };
      const secretsFile = workspaceIn(join(root, ".tripline", "demo")).secrets;
      const target = registry === undefined ? {} : { registryUrl: registry };
      const model = await trainDemoModel({ root, ...target, secretsFile, steps, simulation, days, force });
      const { manifest, directory } = await openRegistry(model.registryUrl).resolve(MODEL_NAME, model.version);
      process.stdout.write(`\n  ${MODEL_NAME} ${model.version} in ${directory}\n`);
      process.stdout.write(`  metrics ${JSON.stringify(manifest.metrics)}\n`);
    });
}
