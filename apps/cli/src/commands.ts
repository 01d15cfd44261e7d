import type { Command } from "commander";
import { backfillCommand } from "./backfill-command.js";
import { demoCommand } from "./demo.js";
import { devCommand } from "./dev.js";
import { foldEntityCommand } from "./fold-entity-command.js";
import { goldenCommand } from "./golden-command.js";
import { loadStateCommand } from "./load-state.js";
import { parityCommand } from "./parity-command.js";
import { produceCommand } from "./produce-command.js";
import { pythonCommand } from "./python.js";
import { rebuildStateCommand } from "./rebuild-state.js";
import { simulateCommand } from "./simulate.js";
import { trainCommand } from "./train.js";

/** Every command of `tripline`, in the order of its help. */
export function commands(): Command[] {
  return [
    demoCommand(),
    devCommand(),
    trainCommand(),
    simulateCommand(),
    backfillCommand(),
    foldEntityCommand(),
    loadStateCommand(),
    rebuildStateCommand(),
    parityCommand(),
    goldenCommand(),
    produceCommand(),
    pythonCommand(),
  ];
}
