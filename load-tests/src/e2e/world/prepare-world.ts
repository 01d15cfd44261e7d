import { join } from "node:path";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { trainDemoModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { StepLog } from "@tripline/system/step-log";
import type { BenchContext } from "../../harness/bench-context.js";

/** The basis of benchmarks of the whole system: cards with weeks of payments, and a model trained on them. */
export interface World extends TrainedModel {
  /** File with the key used to create the card tokens; window states are stored under those tokens. */
  readonly secretsFile: string;
}

/** Cards of the full benchmark. Each pays about twice a day of event time, a fifth of them without a device. */
const CARDS = 10_000;
const TERMINALS = 5_000;
const DAYS = 45;
/**
 * The world of the tests, which is large enough for a model of the current feature spec. The model is trained in
 * seconds and usually cached.
 */
const SMALL_CARDS = 300;
const SMALL_TERMINALS = 300;
const START_MS = Date.UTC(2025, 0, 6);

/** Number of cards in the world. */
export const worldCards = (isSmall: boolean): number => (isSmall ? SMALL_CARDS : CARDS);

/**
 * A real model of the current feature spec, trained like the demo's, and the window states of a history. The first run
 * takes a minute or two; later runs reuse both from `.tripline`.
 */
export async function prepareWorld(context: BenchContext, isSmall = false): Promise<World> {
  const root = join(context.root, ".tripline", isSmall ? "test-world" : "bench-world");
  const secretsFile = join(root, "secrets.json");
  const terminals = isSmall ? SMALL_TERMINALS : TERMINALS;
  const model = await trainDemoModel({
    root,
    secretsFile,
    steps: new StepLog(process.stderr),
    simulation: { seed: 1, cards: worldCards(isSmall), terminals, startMs: START_MS },
    days: DAYS,
  });
  return { ...model, secretsFile };
}
