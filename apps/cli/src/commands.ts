import type { Command } from "commander";
import { backfillCommand } from "./backfill-command.js";
import { backupCommand, restoreCommand } from "./backup-command.js";
import { benchModelCommand } from "./bench-model.js";
import { capacityCommand } from "./capacity-command.js";
import { demoCommand } from "./demo.js";
import { devCommand } from "./dev.js";
import { dlqCommand } from "./dlq-command.js";
import { driftCommand } from "./drift-command.js";
import { foldEntityCommand } from "./fold-entity-command.js";
import { goldenCommand } from "./golden-command.js";
import { journeyCommand } from "./journey-command.js";
import { ledgerCommand } from "./ledger-command.js";
import { loadStateCommand } from "./load-state.js";
import { makeSecretsCommand } from "./make-secrets.js";
import { modelsCommand } from "./models-command.js";
import { parityCommand } from "./parity-command.js";
import { produceCommand } from "./produce-command.js";
import { pythonCommand } from "./python.js";
import { rebuildStateCommand } from "./rebuild-state.js";
import { retrainCommand } from "./retrain-command.js";
import { scoreCommand } from "./score-command.js";
import { simulateCommand } from "./simulate.js";
import { tokenCommand } from "./token-command.js";
import { topicsCommand } from "./topics-command.js";
import { trafficCommand } from "./traffic-command.js";
import { trainCommand } from "./train.js";

/** Every command of `tripline`, in the order of its help. */
export function commands(): Command[] {
  return [
    demoCommand(),
    devCommand(),
    trainCommand(),
    retrainCommand(),
    driftCommand(),
    modelsCommand(),
    simulateCommand(),
    backfillCommand(),
    foldEntityCommand(),
    scoreCommand(),
    loadStateCommand(),
    rebuildStateCommand(),
    topicsCommand(),
    makeSecretsCommand(),
    tokenCommand(),
    trafficCommand(),
    ledgerCommand(),
    dlqCommand(),
    backupCommand(),
    restoreCommand(),
    journeyCommand(),
    parityCommand(),
    capacityCommand(),
    goldenCommand(),
    benchModelCommand(),
    produceCommand(),
    pythonCommand(),
  ];
}
