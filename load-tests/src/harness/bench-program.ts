import { Command, InvalidArgumentError, Option } from "commander";
import { BenchError } from "./bench-error.js";
import { compareResults, printComparison } from "./result/compare-results.js";
import { readResult } from "./result/result-file.js";
import type { BenchFlags, Benchmark, RunEnvironment } from "./run-benchmark.js";
import { runBenchmark } from "./run-benchmark.js";

const ROUNDS_MAX = 100;

/** The command line: a command per benchmark, and one that compares two results. */
export function benchProgram(benchmarks: readonly Benchmark[], environment: RunEnvironment): Command {
  const program = new Command("bench").description("Benchmarks compared with their peers").showHelpAfterError();
  for (const benchmark of benchmarks) program.addCommand(benchCommand(benchmark, environment));
  program
    .command("compare")
    .description("compare the figures of two results")
    .argument("<old>", "JSON file of the first run")
    .argument("<new>", "JSON file of the second run")
    .action(async (old: string, young: string) => {
      environment.print(printComparison(compareResults(await readResult(old), await readResult(young))));
    });
  return program
    .enablePositionalOptions()
    .option("--rounds <count>", "rounds of each contestant in all benchmarks, if no benchmark is named", parseRounds)
    .addOption(
      new Option("--compare <file>", "run the file's benchmark again and print the ratios, if no benchmark is named"),
    )
    .action((flags: BenchFlags) => runUnnamed(benchmarks, flags, environment));
}

/** If no name is given, runs all benchmarks in turn, or only the benchmark of the older result. */
async function runUnnamed(
  benchmarks: readonly Benchmark[],
  flags: BenchFlags,
  environment: RunEnvironment,
): Promise<void> {
  if (flags.compare !== undefined) {
    const { name } = await readResult(flags.compare);
    const benchmark = benchmarks.find((one) => one.name === name);
    if (benchmark === undefined)
      throw new BenchError(`${flags.compare} is a result of ${name}, which is not a benchmark.`);
    await runBenchmark(benchmark, flags, environment);
    return;
  }
  const missed: string[] = [];
  for (const benchmark of benchmarks) {
    try {
      await runBenchmark(benchmark, flags, environment);
    } catch (error) {
      // The other benchmarks can still produce figures.
      environment.log(`${benchmark.name}: ${error instanceof Error ? error.message : error}`);
      missed.push(benchmark.name);
    }
  }
  if (missed.length > 0) throw new BenchError(`These benchmarks did not finish (see above): ${missed.join(", ")}.`);
}

function benchCommand(benchmark: Benchmark, environment: RunEnvironment): Command {
  const names = benchmark.parts.map((part) => part.name).join(",");
  const command = new Command(benchmark.name)
    .description(benchmark.description)
    .option("--rounds <count>", "rounds of each contestant; figures are medians", parseRounds)
    .option("--only <parts>", `only these parts: ${names}`, (text: string) => text.split(","))
    .addOption(new Option("--compare <file>", "JSON file of an earlier run; prints the ratios old / new"));
  command.option(
    "--profile <folder>",
    "folder for CPU profiles; also prints where the time was spent, and slows everything down",
  );
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
