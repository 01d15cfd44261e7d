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
import { runPython } from "@tripline/model-loop/run-python";
import type { KnownPayment } from "@tripline/system/client/payment";
import { balances, ledgerLine } from "@tripline/system/ledger/ledger";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT, MODEL_NAME } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { refuseSecond } from "@tripline/system/services/run-system";
import { ROOT, STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import type { StepLog } from "@tripline/system/step-log";
import type { Fold } from "./find-fold.js";
import { findFold } from "./find-fold.js";
import type { ReplayLog } from "./replay-through-system.js";
import { checkServedScores, replayThrough, withReplaySystem, writeReplayLog } from "./replay-through-system.js";

export interface AssessOptions {
  /** Folder of the handbook's data: raw/, folds/. */
  readonly data: string;
  /** The evaluated days of a published split, `2018-08-08..2018-08-14`. */
  readonly days: string;
  /** The console also runs, and the system stops only when this fires. */
  readonly stayUntil?: AbortSignal;
  readonly steps: StepLog;
}

const DAY_MS = 86_400_000;

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
  const staying = options.stayUntil === undefined ? {} : { stayUntil: options.stayUntil };
  return withReplaySystem({ workspace, registryUrl, statePath: files.state, steps, ...staying }, (system) =>
    replayAndAssess(system, data, fold, files, steps),
  );
}

interface AssessFiles extends ReplayLog {
  readonly history: string;
  readonly state: string;
  readonly registry: string;
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
  const history = { payments, labelled: [...before, ...payments], fromMs, toMs };
  const { played, seconds, rows, ledger } = await replayThrough(system, "replay", history, steps);
  const perSecond = (played.payments + played.labels) / seconds;
  await writeReplayLog(system, rows, files, steps);
  const notByModel = rows.filter(({ decision }) => decision.fallback_level !== "model").length;
  process.stdout.write(
    `\n  ${played.payments} payments and ${played.labels} labels in ${played.slices} slices, ${perSecond.toFixed(0)} events per second\n` +
      `  ${ledgerLine(ledger)} degraded=${notByModel}\n`,
  );
  const scores = await checkServedScores(pathToFileURL(files.registry).href, files);
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
