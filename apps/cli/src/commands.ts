import type { Command } from "commander";
import { capacityCommand } from "./capacity/command.js";
import { auditCommand } from "./commands/audit/audit.js";
import { authCommand } from "./commands/auth/auth.js";
import { backfillCommand } from "./commands/data/backfill.js";
import { dataCommand } from "./commands/data/data.js";
import { foldEntityCommand } from "./commands/data/fold-entity.js";
import { loadProfilesCommand } from "./commands/data/load-profiles.js";
import { loadStateCommand } from "./commands/data/load-state.js";
import { produceCommand } from "./commands/data/produce.js";
import { rebuildStateCommand } from "./commands/data/rebuild-state.js";
import { simulateCommand } from "./commands/data/simulate.js";
import { snapshotStateCommand } from "./commands/data/snapshot-state.js";
import { lakeCommand } from "./commands/lake/lake.js";
import { listsCommand } from "./commands/lists/lists.js";
import { benchDriftCommand } from "./commands/models/bench-drift.js";
import { benchModelCommand } from "./commands/models/bench-model.js";
import { driftCommand } from "./commands/models/drift.js";
import { evaluateCommand } from "./commands/models/evaluate.js";
import { goldenCommand } from "./commands/models/golden.js";
import { modelsCommand } from "./commands/models/models.js";
import { pythonCommand } from "./commands/models/python.js";
import { replayCommand } from "./commands/models/replay.js";
import { retrainCommand } from "./commands/models/retrain.js";
import { scoreCommand } from "./commands/models/score.js";
import { trainCommand } from "./commands/models/train.js";
import { backupCommand, restoreCommand } from "./commands/operate/backup.js";
import { dlqCommand } from "./commands/operate/dlq.js";
import { eraseCommand } from "./commands/operate/erase.js";
import { ledgerCommand } from "./commands/operate/ledger.js";
import { makeSecretsCommand } from "./commands/operate/make-secrets.js";
import { personalCommand } from "./commands/operate/personal-export.js";
import { tokenCommand } from "./commands/operate/token.js";
import { topicsCommand } from "./commands/operate/topics.js";
import { policyCommand } from "./commands/policy/policy.js";
import { demoCommand } from "./commands/run/demo.js";
import { devCommand } from "./commands/run/dev.js";
import { journeyCommand } from "./commands/run/journey.js";
import { parityCommand } from "./commands/run/parity.js";
import { trafficCommand } from "./commands/run/traffic.js";
import { webhooksCommand } from "./commands/webhooks/webhooks.js";

/** Every command of `tripline`, in the order of its help. */
export function commands(): Command[] {
  return [
    demoCommand(),
    devCommand(),
    trainCommand(),
    evaluateCommand(),
    retrainCommand(),
    driftCommand(),
    modelsCommand(),
    dataCommand(),
    simulateCommand(),
    backfillCommand(),
    foldEntityCommand(),
    scoreCommand(),
    replayCommand(),
    policyCommand(),
    lakeCommand(),
    listsCommand(),
    webhooksCommand(),
    auditCommand(),
    authCommand(),
    eraseCommand(),
    personalCommand(),
    loadStateCommand(),
    loadProfilesCommand(),
    rebuildStateCommand(),
    snapshotStateCommand(),
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
    benchDriftCommand(),
    produceCommand(),
    pythonCommand(),
  ];
}
