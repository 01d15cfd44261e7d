import { join, resolve } from "node:path";
import type { ParityReport } from "@tripline/backfill/compare/check-parity";
import { checkParity, printParity } from "@tripline/backfill/compare/check-parity";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { trainDemoModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { readPorts } from "@tripline/system/ports.mjs";
import { replay } from "@tripline/system/replay/replay";
import { sendUnordered } from "@tripline/system/replay/send-unordered";
import { refuseSecond, startSystem } from "@tripline/system/services/run-system";
import { ROOT, STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { StepLog } from "@tripline/system/step-log";
import { Command, InvalidArgumentError } from "commander";
import { issuerOf } from "../../demo/simulated-issuer.js";

interface ParityFlags {
  readonly lake?: string;
  readonly state?: string;
  readonly profiles?: string;
  readonly day?: string[];
  readonly hours: number;
  readonly barriers?: true;
}

const HOUR_MS = 3_600_000;
const EVENT_AGE_DAYS_MAX = 3_650;
const SCORING_WAIT_MS = 20_000;

/** `tripline parity`: proves that archived events yield the same features as the online computation. */
export function parityCommand(): Command {
  return new Command("parity")
    .description(
      "run a day of traffic through the live system and recompute the archived features; every bit must match",
    )
    .option("--lake <folder>", "only recompute the features archived in this lake")
    .option(
      "--state <file>",
      "with --lake: the window state that the online service started from (`tripline load-state`)",
    )
    .option("--profiles <folder>", "with --lake: the loaded profile tables (`tripline load-profiles`)")
    .option(
      "--day <day...>",
      "with --lake: only these days of event time, YYYY-MM-DD; the lake must contain all their events",
    )
    .option("--hours <count>", "hours of event time to run", parseHours, 24)
    .option(
      "--barriers",
      "run in slices in which no card or terminal occurs twice, so that events are counted in event-time order",
    )
    .action(async function (this: Command, flags: ParityFlags) {
      const report = flags.lake === undefined ? await playAndCheck(flags) : await checkLake(flags.lake, flags);
      for (const { transactionId, feature, emitted, replayed } of report.examples) {
        process.stdout.write(`${transactionId} ${feature}: emitted ${emitted}, replayed ${replayed}\n`);
      }
      process.stdout.write(`${printParity(report)}\n`);
      process.exitCode = report.mismatches === 0 && report.stuck === 0 && report.rows > 0 ? 0 : 1;
    });
}

function checkLake(
  lake: string,
  { state, profiles, day }: Pick<ParityFlags, "state" | "profiles" | "day">,
): Promise<ParityReport> {
  return checkParity({
    engine: compileEngine(currentFeatureSpec()),
    lake: resolve(lake),
    ...(day === undefined ? {} : { days: day }),
    ...(state === undefined ? {} : { statePath: resolve(state) }),
    ...(profiles === undefined ? {} : { profilesPath: resolve(profiles) }),
  });
}

async function playAndCheck({ hours, barriers }: ParityFlags): Promise<ParityReport> {
  const steps = new StepLog();
  const workspace = workspaceIn(join(STATE_DIRECTORY, "parity"));
  const { lake } = workspace;
  await refuseSecond(workspace);
  const model = await trainDemoModel({ root: ROOT, secretsFile: workspace.secrets, steps });
  const system = await startSystem({
    workspace,
    ports: readPorts(),
    registryUrl: model.registryUrl,
    statePath: model.statePath,
    profiles: { folder: model.profilesPath, untilMs: model.historyEndMs },
    eventAgeDaysMax: EVENT_AGE_DAYS_MAX,
    scoringWaitMs: SCORING_WAIT_MS,
    isArchived: true,
    steps,
  });
  try {
    const untilMs = model.historyEndMs + hours * HOUR_MS;
    const day = eventsOf(model, untilMs);
    const played = `${day.payments.length} payments with the issuer's answers, and ${day.labels.length} labels`;
    await steps.run(`play ${played}`, async (onProgress) => {
      const { client } = system;
      const updatesOf = issuerOf(day.payments);
      if (barriers !== true) return sendUnordered({ client, ...day, updatesOf, onProgress });
      const time = { fromMs: model.historyEndMs, toMs: untilMs };
      await replay({ client, payments: day.payments, labelled: day.labels, ...time, updatesOf, onProgress });
    });
    await steps.run("wait for the archive", () => awaitArchive(system.kafka, lake));
  } finally {
    await steps.finish("stop everything", () => system.stop());
  }
  return steps.run("recompute every feature", () =>
    checkLake(lake, { state: model.statePath, profiles: model.profilesPath }),
  );
}

/** Events from the end of the model's history up to a given time, in event order. Some payments have no terminal. */
function eventsOf(model: TrainedModel, untilMs: number): { payments: SimulatedPayment[]; labels: SimulatedPayment[] } {
  const payments: SimulatedPayment[] = [];
  const labels: SimulatedPayment[] = [];
  const simulation = createSimulation({ ...model.simulation, omitsOnlineTerminals: true });
  for (const { kind, atMs, payment } of eventsFrom(simulation, model.historyEndMs)) {
    if (atMs >= untilMs) break;
    (kind === "label" ? labels : payments).push(payment);
  }
  return { payments, labels };
}

function parseHours(text: string): number {
  const hours = Number(text);
  if (!(hours > 0 && hours <= 24 * 30)) throw new InvalidArgumentError("It must be a number of hours up to 720.");
  return hours;
}
