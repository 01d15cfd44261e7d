import { Command, InvalidArgumentError, Option } from "commander";
import { BenchError } from "./bench-error.js";
import { compareResults, printComparison } from "./result/compare-results.js";
import { readResult } from "./result/result-file.js";
import type { BenchFlags, Benchmark, RunEnvironment } from "./run-benchmark.js";
import { runBenchmark } from "./run-benchmark.js";

const ROUNDS_MAX = 100;

/** The command line: a command per benchmark, and one that compares two results. */
export function benchProgram(benchmarks: readonly Benchmark[], environment: RunEnvironment): Command {
  const program = new Command("bench").description("Benchmarks, each beside its peers").showHelpAfterError();
  for (const benchmark of benchmarks) program.addCommand(benchCommand(benchmark, environment));
  program
    .command("compare")
    .description("the figures of two results beside each other")
    .argument("<old>", "JSON file of a run")
    .argument("<new>", "JSON file of another")
    .action(async (old: string, young: string) => {
      environment.print(printComparison(compareResults(await readResult(old), await readResult(young))));
    });
  return program
    .enablePositionalOptions()
    .option("--rounds <count>", "without a name: rounds of each contestant of all benchmarks", parseRounds)
    .addOption(
      new Option("--compare <file>", "without a name: runs again what the file is a result of, for the ratios"),
    )
    .action((flags: BenchFlags) => runUnnamed(benchmarks, flags, environment));
}

/** Without a name: all benchmarks in turn, or the one that an older result is of. */
async function runUnnamed(
  benchmarks: readonly Benchmark[],
  flags: BenchFlags,
  environment: RunEnvironment,
): Promise<void> {
  if (flags.compare !== undefined) {
    const { name } = await readResult(flags.compare);
    const benchmark = benchmarks.find((one) => one.name === name);
    if (benchmark === undefined) throw new BenchError(`${flags.compare} is a result of ${name}, which bench has not.`);
    await runBenchmark(benchmark, flags, environment);
    return;
  }
  const missed: string[] = [];
  for (const benchmark of benchmarks) {
    try {
      await runBenchmark(benchmark, flags, environment);
    } catch (error) {
      // The others still say what they can.
      environment.log(`${benchmark.name}: ${error instanceof Error ? error.message : error}`);
      missed.push(benchmark.name);
    }
  }
  if (missed.length > 0) throw new BenchError(`Did not run to the end, as told above: ${missed.join(", ")}.`);
}

function benchCommand(benchmark: Benchmark, environment: RunEnvironment): Command {
  const names = benchmark.parts.map((part) => part.name).join(",");
  const command = new Command(benchmark.name)
    .description(benchmark.description)
    .option("--rounds <count>", "rounds of each contestant; the medians count", parseRounds)
    .option("--only <parts>", `these parts alone: ${names}`, (text: string) => text.split(","))
    .addOption(new Option("--compare <file>", "the JSON file of an earlier run, for the ratios old by new"));
  command.option("--profile <folder>", "write CPU profiles there and print where the time went; it slows all down");
  for (const option of benchmark.options ?? []) command.addOption(option);
  return command.action(async (flags: BenchFlags) => {
    await runBenchmark(benchmark, flags, environment);
  });
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= ROUNDS_MAX) return rounds;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${ROUNDS_MAX}.`);
}
