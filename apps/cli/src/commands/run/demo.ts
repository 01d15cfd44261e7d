import { join } from "node:path";
import { DEMO_SIMULATION } from "@tripline/model-loop/demo-model/train-demo-model";
import { startDemoSystem } from "@tripline/model-loop/start-demo-system";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedEvent } from "@tripline/simulator/merge-labels";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import { endOnSignal } from "@tripline/system/end-on-signal";
import { awaitLedger, balances, ledgerLine } from "@tripline/system/ledger/ledger";
import type { Topology } from "@tripline/system/services/plan-services";
import { TOPOLOGIES } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog, startedAtMs } from "@tripline/system/step-log";
import { Command, InvalidArgumentError, Option } from "commander";
import { assessOnHandbook } from "../../demo/assess.js";
import { assessOnOwnData } from "../../demo/assess-own.js";
import { declinedLines, LiveView, latencyLine, qualityLines, refusedLines } from "../../demo/live-view.js";
import { memoryLines } from "../../demo/measure-memory.js";
import { playTraffic } from "../../demo/play-traffic.js";
import { consoleLine } from "../../demo/replay-through-system.js";
import { firstRequest } from "../../demo/show-first-request.js";
import { Tally } from "../../demo/tally.js";
import { watchServers } from "../../demo/watch-servers.js";
import { featureAucMaxOption } from "../data/map-options.js";
import { loadLocalProfiles } from "../data/rebuild-state.js";
import { positiveNumber } from "../number-options.js";

interface DemoOptions {
  readonly exitAfter?: string;
  readonly rate: number;
  readonly data?: string;
  readonly assess?: string;
  readonly stay?: boolean;
  readonly featureAucMax?: number;
  readonly workspace: string;
  readonly docker?: boolean;
  readonly topology?: Topology;
  readonly tls?: boolean;
  readonly brokers: number;
  readonly profiles?: boolean;
  readonly cards?: number;
}

const REDRAW_MS = 1_000;

export function demoCommand(): Command {
  return new Command("demo")
    .description("start everything on this machine, send traffic and show the decisions")
    .option("--exit-after <duration>", "stop after this time, for example 30s")
    .option("--rate <payments>", "payments per second", positiveRate, 100)
    .option(
      "--data <path>",
      "replay your own payments (path of mapping.yaml) or the handbook's benchmark data (path of its folder)",
    )
    .option("--assess <days>", "with --data: days to replay and assess, for example 2018-08-08..2018-08-14")
    .option("--stay", "with --data: also run the console, and keep running until Ctrl-C")
    .addOption(featureAucMaxOption("--data"))
    .addOption(
      new Option(
        "--topology <name>",
        "services: one process each (default with --tls); together: one process for decisions and scoring (default)",
      ).choices(TOPOLOGIES),
    )
    .option("--tls", "TLS 1.3 everywhere, with a new certificate authority and least-privilege access")
    .addOption(
      new Option("--brokers <count>", "number of Kafka brokers; with three, every record is stored in three copies")
        .choices(["1", "3"])
        .argParser(Number)
        .default(1),
    )
    .option("--profiles", "also load the profiles of cards and terminals, and use them for payments")
    .option(
      "--cards <count>",
      `simulate this many cards and terminals, for a faster first start (default: ${DEMO_SIMULATION.cards})`,
      positiveNumber,
    )
    .option("--docker", "run in containers (docker compose); requires only Docker and Node")
    .option("--workspace <name>", "folder below .tripline for data, logs and secrets", "demo")
    .action(async (options: DemoOptions) => {
      if (options.docker) throw new Error("--docker works only with npm run: npm run demo -- --docker");
      const end = endOnSignal();
      const steps = new StepLog(process.stderr, bootstrapSteps(), end.signal);
      const play = options.data === undefined ? playDemo(options, steps, end) : replayData(options, steps, end);
      process.exitCode = await play;
    });
}

async function replayData(options: DemoOptions, steps: StepLog, end: AbortController): Promise<number> {
  if (options.data === undefined || options.assess === undefined) {
    throw new Error("--data requires --assess with the days to replay, for example --assess 2018-08-08..2018-08-14");
  }
  const { data, assess: days, featureAucMax, stay = false } = options;
  const staying = stay ? { stayUntil: end.signal } : {};
  if (!/\.ya?ml$/.test(data)) return assessOnHandbook({ data, days, steps, ...staying });
  const limit = featureAucMax === undefined ? {} : { featureAucMax };
  return assessOnOwnData({ map: data, days, steps, ...limit, ...staying });
}

/** @returns the exit code: 0 if every accepted payment got exactly one decision */
async function playDemo(options: DemoOptions, steps: StepLog, end: AbortController): Promise<number> {
  const exitAfterMs = options.exitAfter === undefined ? undefined : durationMs(options.exitAfter);
  const workspace = workspaceIn(join(STATE_DIRECTORY, options.workspace));
  const {
    tls: isSecure = false,
    topology = isSecure ? "services" : "together",
    profiles: hasProfiles = false,
  } = options;
  const onServer = watchServers({
    write: (line) => process.stdout.write(`  ${line}\n`),
    loadProfiles: () => loadLocalProfiles(options.workspace),
    signal: end.signal,
  });
  const { model, system } = await startDemoSystem({
    onServer,
    workspace,
    steps,
    topology,
    isSecure,
    brokers: options.brokers,
    hasProfiles,
    isArchived: true,
    hasConsole: true,
    endOnSignals: false,
    ...(options.cards === undefined ? {} : { world: smallWorld(options.cards) }),
  });
  if (exitAfterMs !== undefined) setTimeout(() => end.abort(), exitAfterMs).unref();
  try {
    const simulation = createSimulation(model.simulation);
    const traffic = await play(system, eventsFrom(simulation, model.historyEndMs), {
      rate: options.rate,
      workspace: options.workspace,
      end: end.signal,
      steps,
      view: new LiveView(),
    });
    return await summarise(system, traffic, steps);
  } finally {
    await steps.finish("stop everything", () => system.stop());
  }
}

/** A separate registry for each size, because the champion of one size does not fit the traffic of another. */
const smallWorld = (cards: number) => ({
  root: join(STATE_DIRECTORY, `cards-${cards}`),
  simulation: { ...DEMO_SIMULATION, cards, terminals: cards },
});

interface PlayOptions {
  readonly rate: number;
  /** Its folder below `.tripline`. */
  readonly workspace: string;
  readonly end: AbortSignal;
  readonly steps: StepLog;
  readonly view: LiveView;
}

interface PlayedTraffic {
  readonly tally: Tally;
  readonly accepted: ReadonlySet<string>;
  /** Time from the command to the first decision; empty if there was none. */
  readonly startUp: string;
  readonly elapsedMs: number;
}

async function play(
  system: RunningSystem,
  events: Iterable<SimulatedEvent>,
  options: PlayOptions,
): Promise<PlayedTraffic> {
  const tally = new Tally();
  const accepted = new Set<string>();
  const position = { eventTimeMs: 0 };
  const startedAt = performance.now();
  let decidedBefore = 0;
  let startUp = "";
  process.stdout.write(`\n  API ${system.apiUrl} (OpenAPI at /openapi.json). Press Ctrl-C to stop.\n`);
  process.stdout.write(`  ${consoleLine(system)}\n`);
  const authority = system.security?.authority.file;
  if (authority !== undefined) {
    process.stdout.write(`  Browsers and other programs must trust its certificate authority: ${authority}\n`);
  }
  const request = firstRequest(system.apiUrl, options.workspace, authority);
  process.stdout.write(`  To send a payment, run this in another terminal in this folder:\n\n${request}\n\n`);
  const redraw = setInterval(() => {
    const perSecond = tally.decided - decidedBefore;
    decidedBefore = tally.decided;
    options.view.show(tally, {
      elapsedMs: performance.now() - startedAt,
      perSecond,
      eventTimeMs: position.eventTimeMs,
    });
  }, REDRAW_MS);
  const onFirstDecision = (): void => {
    if (startUp !== "") return;
    options.view.leave();
    options.steps.note("first decision", performance.now() - startedAt);
    startUp = startUpLine(options.steps);
    process.stdout.write(`  ${startUp}\n`);
  };
  try {
    const { client } = system;
    const untilMs = Date.now();
    const { end: signal, rate: ratePerSecond } = options;
    const traffic = {
      client,
      events,
      ratePerSecond,
      tally,
      signal,
      untilMs,
      accepted,
      onFirstDecision,
      hasIssuer: true,
    };
    await playTraffic(traffic, position);
  } finally {
    clearInterval(redraw);
  }
  return { tally, accepted, startUp, elapsedMs: performance.now() - startedAt };
}

/** The total and its longest steps. The parts do not quite add up, because some time passes between steps. */
function startUpLine(steps: StepLog): string {
  const total = (Date.now() - startedAtMs()) / 1_000;
  const parts = steps.steps
    .filter((step) => step.durationMs >= 50)
    .map((step) => `${step.name} ${(step.durationMs / 1_000).toFixed(1)}`);
  return `from start to first decision: ${total.toFixed(1)} s (${parts.join(" + ")})`;
}

async function summarise(system: RunningSystem, traffic: PlayedTraffic, steps: StepLog): Promise<number> {
  const { tally, accepted } = traffic;
  const ledger = await steps.finish("compare accepted payments with decisions", () =>
    awaitLedger(system.kafka, accepted),
  );
  const perSecond = (tally.decided / traffic.elapsedMs) * 1_000;
  const lines = [
    "",
    `  ${tally.decided} decisions, ${perSecond.toFixed(0)} per second; approve ${tally.outcomes.approve}, challenge ${tally.outcomes.challenge}, review ${tally.outcomes.review}, decline ${tally.outcomes.decline}; degraded ${tally.degraded}`,
    latencyLine(tally),
    ...memoryLines(system.services),
    ...qualityLines(tally),
    ...refusedLines(tally),
    "  last declined:",
    ...tally.lastDeclined.flatMap(declinedLines),
    `  ${traffic.startUp || "no response contained a decision, because this machine is too busy"}`,
    `  ${ledgerLine(ledger)}`,
    "",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return balances(ledger) && ledger.accepted > 0 ? 0 : 1;
}

function durationMs(text: string): number {
  const match = /^(\d+)(s|m|h)$/.exec(text);
  if (match === null) throw new Error(`--exit-after must be a duration such as 30s or 5m, not "${text}"`);
  const units = { s: 1_000, m: 60_000, h: 3_600_000 };
  return Number(match[1]) * units[match[2] as keyof typeof units];
}

function positiveRate(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError("It must be a number greater than 0.");
  return value;
}
