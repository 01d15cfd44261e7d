import type { Command } from "commander";

/**
 * The commands of `tripline`, in the order of its help. Each is loaded only if it is used, because loading all of them
 * takes two seconds of CPU time.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import("./commands/run/demo.js")).demoCommand(),
  dev: async () => (await import("./commands/run/dev.js")).devCommand(),
  train: async () => (await import("./commands/models/train.js")).trainCommand(),
  evaluate: async () => (await import("./commands/models/evaluate.js")).evaluateCommand(),
  retrain: async () => (await import("./commands/models/retrain.js")).retrainCommand(),
  drift: async () => (await import("./commands/models/drift.js")).driftCommand(),
  models: async () => (await import("./commands/models/models.js")).modelsCommand(),
  data: async () => (await import("./commands/data/data.js")).dataCommand(),
  simulate: async () => (await import("./commands/data/simulate.js")).simulateCommand(),
  backfill: async () => (await import("./commands/data/backfill.js")).backfillCommand(),
  "fold-entity": async () => (await import("./commands/data/fold-entity.js")).foldEntityCommand(),
  score: async () => (await import("./commands/models/score.js")).scoreCommand(),
  replay: async () => (await import("./commands/models/replay.js")).replayCommand(),
  policy: async () => (await import("./commands/policy/policy.js")).policyCommand(),
  lake: async () => (await import("./commands/lake/lake.js")).lakeCommand(),
  lists: async () => (await import("./commands/lists/lists.js")).listsCommand(),
  reports: async () => (await import("./commands/reports/reports.js")).reportsCommand(),
  webhooks: async () => (await import("./commands/webhooks/webhooks.js")).webhooksCommand(),
  audit: async () => (await import("./commands/audit/audit.js")).auditCommand(),
  auth: async () => (await import("./commands/auth/auth.js")).authCommand(),
  erase: async () => (await import("./commands/operate/erase.js")).eraseCommand(),
  personal: async () => (await import("./commands/operate/personal-export.js")).personalCommand(),
  "load-state": async () => (await import("./commands/data/load-state.js")).loadStateCommand(),
  "load-profiles": async () => (await import("./commands/data/load-profiles.js")).loadProfilesCommand(),
  "rebuild-state": async () => (await import("./commands/data/rebuild-state.js")).rebuildStateCommand(),
  "snapshot-state": async () => (await import("./commands/data/snapshot-state.js")).snapshotStateCommand(),
  topics: async () => (await import("./commands/operate/topics.js")).topicsCommand(),
  "make-secrets": async () => (await import("./commands/operate/make-secrets.js")).makeSecretsCommand(),
  token: async () => (await import("./commands/operate/token.js")).tokenCommand(),
  traffic: async () => (await import("./commands/run/traffic.js")).trafficCommand(),
  ledger: async () => (await import("./commands/operate/ledger.js")).ledgerCommand(),
  dlq: async () => (await import("./commands/operate/dlq.js")).dlqCommand(),
  backup: async () => (await import("./commands/operate/backup.js")).backupCommand(),
  restore: async () => (await import("./commands/operate/backup.js")).restoreCommand(),
  journey: async () => (await import("./commands/run/journey.js")).journeyCommand(),
  parity: async () => (await import("./commands/run/parity.js")).parityCommand(),
  capacity: async () => (await import("./capacity/command.js")).capacityCommand(),
  "compare-golden": async () => (await import("./commands/models/golden.js")).goldenCommand(),
  "bench-model": async () => (await import("./commands/models/bench-model.js")).benchModelCommand(),
  "bench-committee": async () => (await import("./commands/models/bench-committee.js")).benchCommitteeCommand(),
  "bench-drift": async () => (await import("./commands/models/bench-drift.js")).benchDriftCommand(),
  "bench-attacks": async () => (await import("./commands/models/bench-attacks.js")).benchAttacksCommand(),
  produce: async () => (await import("./commands/data/produce.js")).produceCommand(),
  python: async () => (await import("./commands/models/python.js")).pythonCommand(),
};

/** @param name the command to load. All commands are loaded by default and if this one does not exist. */
export function loadCommands(name = ""): Promise<Command[]> {
  const named = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  return Promise.all(named === undefined ? Object.values(COMMANDS).map((load) => load()) : [named()]);
}
