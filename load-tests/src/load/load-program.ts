import { endOnSignal } from "@tripline/system/end-on-signal";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { Command, InvalidArgumentError, Option } from "commander";
import { BenchError } from "../harness/bench-error.js";
import { PAYMENTS_MAX, writePayments } from "./k6/write-payments.js";
import {
  DEGRADED_PERCENT_DEFAULT,
  ERRORS_PERCENT_DEFAULT,
  LINES_DEFAULT,
  parseSeconds,
  unknownScenario,
  usersFor,
  WAIT_SECONDS_DEFAULT,
} from "./load-settings.js";
import type { Kill } from "./run-load.js";
import { runLoad } from "./run-load.js";
import { isScenario, SCENARIOS } from "./scenarios.js";

interface LoadFlags {
  readonly rate?: number;
  readonly duration?: number;
  readonly warmUp?: number;
  readonly wait: number;
  readonly lines: number;
  readonly vus?: number;
  readonly p99Ms?: number;
  readonly errorsPercent: number;
  readonly degradedPercent: number;
  readonly target?: string;
  readonly kafka?: string;
  readonly seed: number;
  readonly cards: number;
  readonly terminals: number;
  readonly kill: readonly Kill[];
}

export interface ProgramOptions {
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  print(text: string): void;
}

/** The services of a system that the command starts. */
const SERVICES = ["auth", "ingestion", "features", "scoring", "decisions"];
const RATE_MAX = 100_000;
const SECONDS_MAX = 7 * 86_400;
const LINES_MAX = 10_000;

/** The command line of `npm run load`. */
export function loadProgram(options: ProgramOptions): Command {
  const scenarios = Object.entries(SCENARIOS).map(([name, { description }]) => `  ${name.padEnd(8)} ${description}`);
  const program = new Command("load")
    .description("generates load with k6 against a running Tripline or one that it starts, and checks the ledger")
    .argument("<scenario>", "one of the scenarios below")
    .addHelpText("after", `\nScenarios:\n${scenarios.join("\n")}`)
    .showHelpAfterError("Add --help for all options.");
  addOptions(program).action(async (name: string, flags: LoadFlags) => {
    process.exitCode = await play(name, flags, options);
  });
  program
    .command("payments")
    .description("only writes the payments, to start k6 manually")
    .argument("<file>", "output file, one JSON object per line")
    .option("--count <number>", `at most ${PAYMENTS_MAX}`, wholeNumber(1, PAYMENTS_MAX), 10_000)
    .action(async (path: string, { count }: { count: number }) => {
      const { seed, cards, terminals } = program.opts<LoadFlags>();
      await writePayments({ path, count, seed, cards, terminals });
      options.print(`${count} payments of ${cards} cards written to ${path}`);
    });
  return program;
}

function addOptions(program: Command): Command {
  return program
    .option("--rate <payments>", "payments per second", positive(RATE_MAX))
    .option("--duration <time>", "duration without the warm-up, such as 60s, 5m or 1h", duration)
    .option("--warm-up <time>", "warm-up during which the rate rises from 0 and limits do not apply", duration)
    .option("--target <url>", "address of a running Tripline's ingestion; default: start one on this machine")
    .option("--kafka <brokers>", "host:port,… of the target's Kafka; the ledger then reads topics, not the API")
    .option("--wait <seconds>", "how long callers wait for their decision", positive(30), WAIT_SECONDS_DEFAULT)
    .option("--p99-ms <ms>", "limit for the 99th percentile of latency", positive(600_000))
    .option(
      "--errors-percent <share>",
      "limit for requests that fail or are rejected",
      positive(100),
      ERRORS_PERCENT_DEFAULT,
    )
    .option(
      "--degraded-percent <share>",
      "limit for decisions that are late or made without the model",
      positive(100),
      DEGRADED_PERCENT_DEFAULT,
    )
    .option("--lines <count>", "payments in a batch", wholeNumber(1, LINES_MAX), LINES_DEFAULT)
    .option("--vus <count>", "maximum number of requests in flight", wholeNumber(1, 20_000))
    .option("--seed <number>", "the same seed gives the same payments", wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .option("--cards <count>", "number of cards", wholeNumber(1, 10_000_000), 20_000)
    .option("--terminals <count>", "number of terminals", wholeNumber(1, 10_000_000), 5_000)
    .addOption(
      new Option("--kill <service@time>", "SIGKILL a service of the system started here, such as features@20s")
        .argParser(addKill)
        .default([], "none"),
    );
}

async function play(name: string, flags: LoadFlags, { root, environment, print }: ProgramOptions): Promise<number> {
  if (!isScenario(name)) throw new BenchError(unknownScenario(name));
  const { defaults, p99Ms } = SCENARIOS[name];
  const { wait: waitSeconds, lines, errorsPercent, degradedPercent, seed, cards, terminals } = flags;
  const load = {
    rate: flags.rate ?? defaults.rate,
    seconds: flags.duration ?? defaults.seconds,
    warmUpSeconds: flags.warmUp ?? defaults.warmUpSeconds,
  };
  if (flags.kill.length > 0 && flags.target !== undefined) {
    throw new BenchError("--kill works only with a system that this command starts: omit --target.");
  }
  if (load.seconds === 0) throw new BenchError("--duration must be longer than 0 s.");
  const end = endOnSignal();
  const vus = flags.vus ?? usersFor(name, load, lines);
  return runLoad({
    settings: {
      scenario: name,
      ...load,
      waitSeconds,
      lines,
      vus,
      p99Ms: flags.p99Ms ?? p99Ms,
      errorsPercent,
      degradedPercent,
    },
    seed,
    cards,
    terminals,
    kills: flags.kill,
    environment,
    root,
    print,
    ...(flags.target === undefined ? {} : { target: flags.target }),
    ...(flags.kafka === undefined ? {} : { kafka: flags.kafka }),
    steps: new StepLog(process.stderr, bootstrapSteps(), end.signal),
    signal: end.signal,
  });
}

function positive(max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (value > 0 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number above 0 and at most ${max}.`);
  };
}

function wholeNumber(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function duration(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds !== undefined && seconds <= SECONDS_MAX) return seconds;
  throw new InvalidArgumentError("It must be a duration such as 60s, 5m or 1h, of at most a week.");
}

function addKill(text: string, before: readonly Kill[]): Kill[] {
  const [, service = "", time = ""] = /^([a-z]+)@(.+)$/.exec(text) ?? [];
  const afterSeconds = parseSeconds(time);
  if (afterSeconds === undefined)
    throw new InvalidArgumentError("It must be a service and a time, such as features@20s.");
  if (!SERVICES.includes(service)) throw new InvalidArgumentError(`The services are ${SERVICES.join(", ")}.`);
  return [...before, { service, afterSeconds }];
}
