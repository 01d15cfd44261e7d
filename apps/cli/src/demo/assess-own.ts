import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Mapping } from "@tripline/backfill/mapping/mapping";
import { readMappedPayments } from "@tripline/backfill/mapping/read-payments";
import type { OwnFeatures } from "@tripline/model-loop/own-data/compute-own-features";
import { computeOwnFeatures, firstPaymentMs } from "@tripline/model-loop/own-data/compute-own-features";
import { evaluateOwnModel, trainOwnModel } from "@tripline/model-loop/own-data/train-own-model";
import type { KnownPayment } from "@tripline/system/client/payment";
import { balances, ledgerLine } from "@tripline/system/ledger/ledger";
import type { DecidedPayment } from "@tripline/system/replay/write-replay-log";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { refuseSecond } from "@tripline/system/services/run-system";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import type { StepLog } from "@tripline/system/step-log";
import { openMapping } from "../commands/data/map-options.js";
import { checkServedScores, replayThrough, withReplaySystem, writeReplayLog } from "./replay-through-system.js";

export interface AssessOwnOptions {
  /** Path of the mapping file. */
  readonly map: string;
  /** The assessed days as `FROM..TO`, both inclusive. */
  readonly days: string;
  readonly featureAucMax?: number;
  /** The console also runs, and the system stops only when this fires. */
  readonly stayUntil?: AbortSignal;
  readonly steps: StepLog;
}

const DAY_MS = 86_400_000;
/**
 * Maximum number of initial days that training skips, because their windows are still empty; at most a third of the
 * history.
 */
const WARM_UP_DAYS_MAX = 21;
const REVIEW_SHARE = 0.005;

interface Run {
  readonly mapping: Mapping;
  readonly key: Uint8Array;
  readonly rejectsPath: string;
  /** Start of the assessed days, in ms since the epoch; `toMs` is their end (exclusive). */
  readonly fromMs: number;
  readonly toMs: number;
  readonly registryUrl: string;
  readonly folder: string;
  readonly steps: StepLog;
}

/**
 * Plays your own payments through the system. Earlier days provide the window states and the training data, with only the labels
 * that had arrived by then. Payments are sent over HTTP in event order, and each label at its own time.
 *
 * @returns the exit code: 0 if each payment was decided exactly once and every served score equals the trainer's
 */
export async function assessOnOwnData(options: AssessOwnOptions): Promise<number> {
  const { map, days, steps, featureAucMax, stayUntil } = options;
  const period = parseDays(days);
  const { mapping, rejectsPath } = await openMapping(map);
  const workspace = workspaceIn(join(STATE_DIRECTORY, "own"));
  await refuseSecond(workspace);
  const key = Buffer.from(demoSecrets(workspace.secrets).cardTokenKey, "base64");
  const folder = join(workspace.directory, "data");
  const registryUrl = pathToFileURL(join(folder, "registry")).href;
  const run: Run = { mapping, key, rejectsPath: resolve(rejectsPath), ...period, registryUrl, folder, steps };
  const files = await featuresOf(run, period.fromMs);
  const firstMs = await firstPaymentMs(files);
  if (firstMs === undefined) throw new Error(`${map} has no payments before ${days.slice(0, 10)} to train on.`);
  const warmUpMs = Math.min(WARM_UP_DAYS_MAX * DAY_MS, (period.fromMs - firstMs) / 3);
  const learnt = { from: instant(firstMs + warmUpMs), to: instant(period.fromMs) };
  const limit = featureAucMax === undefined ? {} : { featureAucMax };
  await trainOwnModel({ files, mapping, period: learnt, registryUrl, steps, ...limit });
  const staying = stayUntil === undefined ? {} : { stayUntil };
  return withReplaySystem({ workspace, registryUrl, statePath: files.state, steps, ...staying }, (system) =>
    playAndAssess(system, run),
  );
}

/** @throws Error for anything but two dates in order */
function parseDays(days: string): { fromMs: number; toMs: number } {
  const [, from = "", to = ""] = /^(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})$/.exec(days) ?? [];
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to) + DAY_MS];
  if (toMs > fromMs) return { fromMs, toMs };
  throw new Error(`--assess must be two days in ascending order, such as 2026-02-01..2026-02-07, not ${days}.`);
}

const instant = (atMs: number): string => new Date(atMs).toISOString();

function featuresOf({ mapping, key, folder, rejectsPath, steps }: Run, untilMs?: number): Promise<OwnFeatures> {
  const until = untilMs === undefined ? {} : { untilMs };
  return computeOwnFeatures({ mapping, key, tenant: DEMO_TENANT, folder, rejectsPath, steps, ...until });
}

async function playAndAssess(system: RunningSystem, run: Run): Promise<number> {
  const { mapping, key, fromMs, toMs, steps } = run;
  const known = await readMappedPayments({ mapping, key, tenant: DEMO_TENANT, fromMs, toMs });
  const labelled: KnownPayment[] = known.map(({ sent, ...payment }) => ({ ...sent, ...payment }));
  const payments = labelled.filter(({ occurredAtMs }) => occurredAtMs >= fromMs && occurredAtMs < toMs);
  const history = { payments, labelled, fromMs, toMs };
  const { played, rows, ledger } = await replayThrough(system, "play", history, steps);
  process.stdout.write(
    `\n  ${played.payments} payments and ${played.labels} labels\n${outcomeLines(rows)}  ${ledgerLine(ledger)}\n`,
  );
  process.stdout.write(`${await measure(system, rows, run)}\n`);
  return balances(ledger) && rows.length === payments.length ? 0 : 1;
}

/** The number of payments and frauds per outcome. */
function outcomeLines(rows: readonly DecidedPayment[]): string {
  const outcomes = Map.groupBy(rows, ({ decision }) => decision.outcome);
  return [...outcomes]
    .map(
      ([outcome, some]) =>
        `  ${outcome}: ${some.length}, ${some.filter(({ payment }) => payment.fraud).length} of them fraud\n`,
    )
    .join("");
}

/** Compares served scores with the trainer's, and the model with simple baselines. */
async function measure(system: RunningSystem, rows: readonly DecidedPayment[], run: Run): Promise<string> {
  const { registryUrl, steps, fromMs, toMs } = run;
  const log = { decisions: join(run.folder, "decisions.parquet"), logged: join(run.folder, "features.parquet") };
  await writeReplayLog(system, rows, log, steps);
  const scores = await checkServedScores(registryUrl, log);
  const files = await featuresOf(run);
  const period = { from: instant(fromMs), to: instant(toMs) };
  const table = await steps.run("compare with simple models", () =>
    evaluateOwnModel({ files, period, registryUrl, reviewShare: REVIEW_SHARE }),
  );
  return `${scores}${table}`;
}
