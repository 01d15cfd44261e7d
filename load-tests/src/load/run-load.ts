import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StepLog } from "@tripline/system/step-log";
import { describeCommit, describeMachine } from "../harness/result/describe-run.js";
import { correctLateness } from "./judge/correct-lateness.js";
import { figuresByPhase, findBreakpoint, generatorFigures, loadFault, rampFault } from "./judge/judge-run.js";
import type { CloseLedger } from "./judge/load-ledger.js";
import { apiLedger, openTopicLedger } from "./judge/load-ledger.js";
import { seriesOf } from "./judge/series.js";
import { findK6 } from "./k6/find-k6.js";
import { readTranscript } from "./k6/read-transcript.js";
import type { K6Outcome } from "./k6/run-k6.js";
import { CORES, runK6, TRANSCRIPT_FILE } from "./k6/run-k6.js";
import { PAYMENTS_MAX, writePayments } from "./k6/write-payments.js";
import type { LoadResult } from "./load-result.js";
import type { LoadSettings } from "./load-settings.js";
import { settingsToEnvironment } from "./load-settings.js";
import type { Target } from "./reach-target.js";
import { reachTarget } from "./reach-target.js";
import { isGood, printRun } from "./report/print-run.js";
import { renderReport } from "./report/render-report.js";
import { cutStages, numbersPerIteration, paymentsIn, paymentsPerIteration, SCENARIOS, secondsOf } from "./scenarios.js";

/** A service to kill during the load, and the time in seconds after its start. */
export interface Kill {
  readonly service: string;
  readonly afterSeconds: number;
}

export interface LoadOptions {
  /** All settings except those that the run determines itself. */
  readonly settings: Omit<LoadSettings, "payments" | "run" | "target">;
  readonly seed: number;
  readonly cards: number;
  readonly terminals: number;
  readonly target?: string;
  readonly kafka?: string;
  readonly kills: readonly Kill[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly root: string;
  readonly steps: StepLog;
  readonly signal: AbortSignal;
  print(text: string): void;
}

type PlayOptions = Omit<LoadOptions, "print">;

export const EXIT_GOOD = 0;
export const EXIT_BAD = 1;
/** The generator could not keep up, so the run says nothing about the system. */
export const EXIT_GENERATOR = 3;

/**
 * Runs a scenario, checks the ledger, and writes the report as text, JSON and page below `.tripline/load`.
 *
 * @returns the exit code
 * @throws BenchError in one sentence if the run is not possible
 */
export async function runLoad(options: LoadOptions): Promise<number> {
  const result = await playLoad(options);
  options.print(printRun(result));
  options.print(
    `  ${join(folderOf(options, result.date), "report.html")}, with result.json and report.txt in the same folder`,
  );
  if (isGood(result)) return EXIT_GOOD;
  return result.fault?.by === "generator" ? EXIT_GENERATOR : EXIT_BAD;
}

/** Like `runLoad`, but does not print or judge the result. */
export async function playLoad(options: PlayOptions): Promise<LoadResult> {
  const k6 = await findK6(options.environment);
  const { steps, root } = options;
  const date = new Date();
  const machine = describeMachine();
  const { scenario } = options.settings;
  const folder = folderOf(options, date.toISOString());
  const target = await reachTarget(options);
  const killed: string[] = [];
  let result: LoadResult;
  try {
    await mkdir(folder, { recursive: true });
    const settings: LoadSettings = {
      ...options.settings,
      target: target.apiUrl,
      payments: join(folder, "payments.ndjson"),
      run: `load-${date.getTime().toString(36)}`,
    };
    const stages = SCENARIOS[scenario].stages(settings);
    const { seed, cards, terminals } = options;
    const count = Math.min(PAYMENTS_MAX, Math.ceil(paymentsIn(stages)) + settings.lines);
    await steps.run(`simulate ${count} payments`, () =>
      writePayments({ path: settings.payments, seed, cards, terminals, count }),
    );
    const closeLedger = await openLedger(target, settings.run);
    const stopKilling = planKills(options.kills, target, killed);
    const outcome = await steps
      .run(`play ${scenario} for ${Math.ceil(secondsOf(stages))} s`, (progress) =>
        playScenario({ ...options, target, settings, folder, k6 }, progress),
      )
      .finally(stopKilling);
    const { mix } = SCENARIOS[scenario];
    const numbersEach = numbersPerIteration(mix, settings.lines);
    const transcript = await readTranscript(join(folder, TRANSCRIPT_FILE), numbersEach);
    if (outcome.dropped > 0) {
      correctLateness(transcript, stages, paymentsPerIteration(mix, settings.lines), numbersEach);
    }
    const ledger = await steps.finish("compare sent payments with decisions", () => closeLedger(transcript));
    const played = outcome.wasInterrupted ? cutStages(stages, transcript.endSeconds()) : stages;
    const phases = figuresByPhase(played, transcript);
    const generator = generatorFigures(settings, played, transcript, outcome, CORES);
    const breakpoint = scenario === "ramp" ? findBreakpoint(phases, settings) : undefined;
    const fault = breakpoint === undefined ? loadFault(generator) : rampFault(breakpoint, generator);
    result = {
      format: 1,
      date: date.toISOString(),
      commit: describeCommit(root),
      k6: k6.version,
      machine,
      settings,
      seed,
      cards,
      startedHere: options.target === undefined,
      killed,
      wasInterrupted: outcome.wasInterrupted,
      phases,
      limits: outcome.limits,
      generator,
      counts: transcript.counts,
      ledger,
      ...(fault === undefined || outcome.wasInterrupted ? {} : { fault }),
      ...(breakpoint === undefined ? {} : { breakpoint }),
      series: seriesOf(played, transcript, outcome.cpu),
    };
    await rm(settings.payments, { force: true });
  } finally {
    await steps.finish("stop what was started", () => target.stop());
  }
  await writeFile(join(folder, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(join(folder, "report.html"), renderReport(result));
  await writeFile(join(folder, "report.txt"), printRun(result));
  return result;
}

function folderOf({ root, settings }: PlayOptions, date: string): string {
  return join(root, ".tripline", "load", `${settings.scenario}-${date.replaceAll(/[-:]|\.\d+/g, "")}`);
}

function openLedger(target: Target, run: string): Promise<CloseLedger> | CloseLedger {
  return target.kafka === undefined
    ? apiLedger(target, run)
    : openTopicLedger(target.kafka, { tenant: target.tenant, run });
}

type Play = Omit<PlayOptions, "settings" | "target"> & {
  readonly target: Target;
  readonly settings: LoadSettings;
  readonly folder: string;
  readonly k6: Awaited<ReturnType<typeof findK6>>;
};

const PROGRESS_MS = 1_000;

async function playScenario(
  { target, settings, folder, k6, environment, root, signal }: Play,
  progress: (progress: { done: number; total: number }) => void,
): Promise<K6Outcome> {
  const total = secondsOf(SCENARIOS[settings.scenario].stages(settings));
  const startedAt = performance.now();
  const ticker = setInterval(() => progress({ done: (performance.now() - startedAt) / 1_000, total }), PROGRESS_MS);
  try {
    return await runK6({
      k6,
      folder,
      signal,
      script: join(root, "load-tests", "k6", "run-scenario.ts"),
      environment: { ...environment, ...settingsToEnvironment(settings), ...target.credentials },
    });
  } finally {
    clearInterval(ticker);
  }
}

/** @returns a function that cancels the remaining kills */
function planKills(kills: readonly Kill[], { services }: Target, killed: string[]): () => void {
  const timers = kills.map(({ service, afterSeconds }) =>
    setTimeout(() => {
      services.get(service)?.kill();
      killed.push(`${service} after ${afterSeconds} s`);
    }, afterSeconds * 1_000),
  );
  return () => timers.forEach(clearTimeout);
}
