import { once } from "node:events";
import { transactionId } from "@tripline/contracts/identifiers";
import { runPython } from "@tripline/model-loop/run-python";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { Ledger } from "@tripline/system/ledger/ledger";
import { awaitLedger } from "@tripline/system/ledger/ledger";
import { readPorts } from "@tripline/system/ports.mjs";
import type { ReplayOptions, ReplayResult } from "@tripline/system/replay/replay";
import { replay } from "@tripline/system/replay/replay";
import type { DecidedPayment } from "@tripline/system/replay/write-replay-log";
import { writeDecisions, writeLoggedFeatures } from "@tripline/system/replay/write-replay-log";
import { DEMO_TENANT, MODEL_NAME } from "@tripline/system/services/plan-services";
import type { RunningSystem, SystemOptions } from "@tripline/system/services/run-system";
import { startSystem } from "@tripline/system/services/run-system";
import type { StepLog } from "@tripline/system/step-log";

const EVENT_AGE_DAYS_MAX = 36_500;
/** A replay is not urgent, so decisions wait for their scores. */
const REPLAY_SCORING_WAIT_MS = 20_000;

/**
 * Starts a system for payments of any age, and stops it after `work`. With `stayUntil`, it also starts the console, and
 * stops everything when that signal fires.
 */
export async function withReplaySystem(
  {
    stayUntil,
    ...options
  }: Pick<SystemOptions, "workspace" | "registryUrl" | "statePath" | "steps"> & { readonly stayUntil?: AbortSignal },
  work: (system: RunningSystem) => Promise<number>,
): Promise<number> {
  const system = await startSystem({
    ...options,
    hasConsole: stayUntil !== undefined,
    ports: readPorts(),
    eventAgeDaysMax: EVENT_AGE_DAYS_MAX,
    scoringWaitMs: REPLAY_SCORING_WAIT_MS,
    endOnSignals: false,
  });
  try {
    const code = await work(system);
    if (stayUntil !== undefined && !stayUntil.aborted) {
      process.stdout.write(`  API ${system.apiUrl}. Press Ctrl-C to stop.\n  ${consoleLine(system)}\n`);
      await once(stayUntil, "abort");
    }
    return code;
  } finally {
    await options.steps.finish("stop everything", () => system.stop());
  }
}

/** Where the console is, and who can sign in. */
export function consoleLine({ console: { url, userName, password } }: Pick<RunningSystem, "console">): string {
  return `Console ${url}: sign in as ${userName} with the password ${password}`;
}

export interface Replayed {
  readonly played: ReplayResult;
  /** Duration of the replay. */
  readonly seconds: number;
  readonly rows: readonly DecidedPayment[];
  readonly ledger: Ledger;
}

/** Sends payments over HTTP in event order, and each label at its own time. Returns once all are decided. */
export async function replayThrough(
  system: RunningSystem,
  verb: "play" | "replay",
  history: Pick<ReplayOptions, "payments" | "labelled" | "fromMs" | "toMs">,
  steps: StepLog,
): Promise<Replayed> {
  const { payments } = history;
  const decided = new Map<string, DecidedPayment>();
  const startedAt = performance.now();
  const played = await steps.run(`${verb} ${payments.length} payments over HTTP`, (progress) =>
    replay({
      ...history,
      client: system.client,
      onDecision: (payment, decision) => decided.set(payment.clientTransactionId, { payment, decision }),
      onProgress: progress,
      onSlice: () => steps.check(),
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  const ids = new Set(payments.map(({ clientTransactionId }) => transactionId(DEMO_TENANT, clientTransactionId)));
  const ledger = await steps.run("compare sent payments with decisions", () => awaitLedger(system.kafka, ids));
  return { played, seconds, rows: [...decided.values()], ledger };
}

/** Parquet files that a replay writes. */
export interface ReplayLog {
  readonly decisions: string;
  readonly logged: string;
}

export function writeReplayLog(
  { kafka }: RunningSystem,
  rows: readonly DecidedPayment[],
  { decisions, logged }: ReplayLog,
  steps: StepLog,
): Promise<void> {
  return steps.run("write decisions and logged features", async () => {
    await writeDecisions(decisions, kafka, rows);
    await writeLoggedFeatures(logged, kafka, DEMO_TENANT);
  });
}

/**
 * Compares served scores with the trainer's.
 *
 * @returns a sentence
 * @throws Error if any differs
 */
export async function checkServedScores(registryUrl: string, { decisions, logged }: ReplayLog): Promise<string> {
  const model = await openRegistry(registryUrl).resolve(MODEL_NAME, "champion");
  return runPython("tripline_training.check_scores", [
    ...["--features", logged],
    ...["--scores", decisions],
    ...["--model", model.directory],
  ]);
}
