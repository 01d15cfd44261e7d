import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { backfill } from "@tripline/backfill/backfill";
import {
  HANDBOOK_LABEL_DELAY_MS,
  handbookSource,
  readHandbookPayments,
} from "@tripline/backfill/input/handbook-source";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { transactionId } from "@tripline/contracts/identifiers";
import { runPython } from "@tripline/model-loop/run-python";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { ApiDecision } from "@tripline/system/client/tripline-client";
import { awaitLedger, balances, ledgerLine } from "@tripline/system/ledger/ledger";
import { readPorts } from "@tripline/system/ports.mjs";
import { replay } from "@tripline/system/replay/replay";
import { writeDecisions, writeLoggedFeatures } from "@tripline/system/replay/write-replay-log";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT, MODEL_NAME } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { refuseSecond, startSystem } from "@tripline/system/services/run-system";
import { ROOT, STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import type { StepLog } from "@tripline/system/step-log";
import type { Fold } from "./find-fold.js";
import { findFold } from "./find-fold.js";

export interface AssessOptions {
  /** Folder of the handbook's data: raw/, folds/. */
  readonly data: string;
  /** The evaluated days of a published split, `2018-08-08..2018-08-14`. */
  readonly days: string;
  readonly steps: StepLog;
}

const DAY_MS = 86_400_000;
const EVENT_AGE_DAYS_MAX = 36_500;
/** A replay is not urgent, so decisions wait for their scores. */
const REPLAY_SCORING_WAIT_MS = 20_000;

const midnight = (day: string): number => Date.parse(`${day}T00:00:00Z`);
const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/**
 * Runs the published benchmark through the system. Window state comes from the preceding days, and the model is trained
 * only on the published training week. Every payment of the evaluated week is sent over HTTP in event order, and labels
 * follow seven days after their payment.
 *
 * @returns the exit code: 0 if each payment was decided exactly once and every served score equals the trainer's
 */
export async function assessOnHandbook(options: AssessOptions): Promise<number> {
  const data = resolve(options.data);
  const fold = findFold(data, options.days);
  const workspace = workspaceIn(join(STATE_DIRECTORY, "assess"));
  await refuseSecond(workspace);
  const files = prepareFiles(workspace.directory);
  const secrets = demoSecrets(workspace.secrets);
  const { steps } = options;
  const fromMs = midnight(fold.assessFrom);
  const cardTokenKey = Buffer.from(secrets.cardTokenKey, "base64");
  await steps.run(`features and window state of all days before ${fold.assessFrom}`, (progress) =>
    backfill({
      spec: currentFeatureSpec(),
      source: handbookSource({ directory: data, cardTokenKey }),
      tenant: DEMO_TENANT,
      outputPath: files.history,
      statePath: files.state,
      untilMs: fromMs,
      onProgress: ({ doneEvents, totalEvents }) => progress({ done: doneEvents, total: totalEvents }),
    }),
  );
  await steps.run(`train on ${fold.trainFrom}..${fold.trainTo}`, () => train(fold, files));
  const registryUrl = pathToFileURL(files.registry).href;
  const system = await startSystem({
    workspace,
    ports: readPorts(),
    registryUrl,
    statePath: files.state,
    eventAgeDaysMax: EVENT_AGE_DAYS_MAX,
    scoringWaitMs: REPLAY_SCORING_WAIT_MS,
    endOnSignals: false,
    steps,
  });
  try {
    return await replayAndAssess(system, data, fold, files, steps);
  } finally {
    await steps.finish("stop everything", () => system.stop());
  }
}

interface AssessFiles {
  readonly history: string;
  readonly state: string;
  readonly registry: string;
  readonly decisions: string;
  readonly logged: string;
}

function prepareFiles(directory: string): AssessFiles {
  const folder = join(directory, "data");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return {
    history: join(folder, "history.parquet"),
    state: join(folder, "state.bin"),
    registry: join(folder, "registry"),
    decisions: join(folder, "decisions.parquet"),
    logged: join(folder, "features.parquet"),
  };
}

async function train(fold: Fold, files: AssessFiles): Promise<void> {
  await runPython("tripline_training.train", [
    ...["--features", files.history],
    ...["--registry", pathToFileURL(files.registry).href],
    ...["--name", MODEL_NAME],
    ...["--alias", "champion"],
    ...["--feature-spec", join(ROOT, "packages", "contracts", "feature-spec.yaml")],
    ...["--train-from", fold.trainFrom, "--train-to", fold.trainTo],
    ...["--known-by", `${fold.assessFrom}T00:00:00Z`],
  ]);
}

async function replayAndAssess(
  system: RunningSystem,
  data: string,
  fold: Fold,
  files: AssessFiles,
  steps: StepLog,
): Promise<number> {
  const fromMs = midnight(fold.assessFrom);
  const toMs = midnight(fold.assessTo) + DAY_MS;
  const before = await readDays(data, fromMs - HANDBOOK_LABEL_DELAY_MS, fromMs - DAY_MS);
  const payments = await readDays(data, fromMs, toMs - DAY_MS);
  const decided = new Map<string, { payment: KnownPayment; decision: ApiDecision }>();
  const startedAt = performance.now();
  const played = await steps.run(`replay ${payments.length} payments over HTTP`, (progress) =>
    replay({
      client: system.client,
      payments,
      labelled: [...before, ...payments],
      fromMs,
      toMs,
      onDecision: (payment, decision) => decided.set(payment.clientTransactionId, { payment, decision }),
      onProgress: progress,
      onSlice: () => steps.check(),
    }),
  );
  const perSecond = ((played.payments + played.labels) / (performance.now() - startedAt)) * 1_000;
  const ids = new Set(payments.map(({ clientTransactionId }) => transactionId(DEMO_TENANT, clientTransactionId)));
  const ledger = await steps.run("compare sent payments with decisions", () => awaitLedger(system.kafka, ids));
  const rows = [...decided.values()];
  await steps.run("write decisions and logged features", async () => {
    await writeDecisions(files.decisions, system.kafka, rows);
    await writeLoggedFeatures(files.logged, system.kafka, DEMO_TENANT);
  });
  const notByModel = rows.filter(({ decision }) => decision.rung !== "model").length;
  process.stdout.write(
    `\n  ${played.payments} payments and ${played.labels} labels in ${played.slices} slices, ${perSecond.toFixed(0)} events per second\n` +
      `  ${ledgerLine(ledger)} degraded=${notByModel}\n`,
  );
  const model = await openRegistry(pathToFileURL(files.registry).href).resolve(MODEL_NAME, "champion");
  const scores = await runPython("tripline_training.check_scores", [
    ...["--features", files.logged],
    ...["--scores", files.decisions],
    ...["--model", model.directory],
  ]);
  const assessed = await runPython("tripline_training.assess", [
    ...["--decisions", files.decisions],
    ...["--fold", fold.path],
    ...["--id-prefix", "hb-"],
  ]);
  process.stdout.write(`${scores}${assessed}\n`);
  return balances(ledger) && rows.length === payments.length ? 0 : 1;
}

async function readDays(data: string, firstMs: number, lastMs: number): Promise<KnownPayment[]> {
  const payments: KnownPayment[] = [];
  const days = { directory: data, fromDay: dayOf(firstMs), toDay: dayOf(lastMs) };
  for await (const payment of readHandbookPayments(days)) {
    payments.push({ ...payment, labelledAtMs: payment.occurredAtMs + HANDBOOK_LABEL_DELAY_MS });
  }
  return payments;
}
