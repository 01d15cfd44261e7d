import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Option } from "commander";
import { BenchContext } from "./bench-context.js";
import { BenchError } from "./bench-error.js";
import { clearLeftovers } from "./clear-leftovers.js";
import { compareResults, printComparison } from "./result/compare-results.js";
import { describeCommit, describeMachine } from "./result/describe-run.js";
import { printHeading, printLine, printPart, printVersions } from "./result/print-table.js";
import type { BenchResult, PartResult } from "./result/result-file.js";
import { readResult } from "./result/result-file.js";
import type { Stretch } from "./result/summarise-profile.js";
import { printProfile, summariseProfile } from "./result/summarise-profile.js";
import { writeResult } from "./result/write-result.js";
import type { Measured } from "./run-contestants.js";
import { spreadsOf } from "./run-contestants.js";
import { spreadOf } from "./spread.js";

/** The result of a part. */
export interface PartOutcome {
  readonly contestants: readonly Measured[];
  /** Figures for the last line, by name, with one value per round. */
  readonly summary: Readonly<Record<string, readonly number[]>>;
  /** Information that readers need, one sentence per note. */
  readonly notes?: readonly string[];
}

export interface BenchPart {
  readonly name: string;
  /** Title, which names the contestants. */
  readonly title: string;
  /** Runs only if named with --only, for example because it needs something that is not installed by default. */
  readonly onlyWhenNamed?: boolean;
  /** With --short, the servers keep running for the next part if that part sets this as well. */
  readonly sharesSystem?: boolean;
  /** Figures of this part, printed in this order in a separate line at the end. */
  readonly line?: readonly string[];
  /** Runs before all parts. @throws BenchError if a requirement of the part is missing */
  check?(context: BenchContext): Promise<void>;
  run(context: BenchContext): Promise<PartOutcome>;
}

export interface Benchmark {
  readonly name: string;
  readonly description: string;
  readonly options?: readonly Option[];
  /** The reason why nothing can be measured on this machine, in one line; undefined if something can be measured. */
  absent?(environment: RunEnvironment, flags: BenchFlags): Promise<string | undefined>;
  readonly parts: readonly BenchPart[];
  /** The figures of the last line, in order. */
  readonly line: readonly string[];
}

export interface BenchFlags {
  readonly rounds?: number;
  /** Names of the parts to run; if undefined, all parts run. */
  readonly only?: readonly string[];
  /** The result file of an earlier run, for comparison. */
  readonly compare?: string;
  /** Folder for CPU profiles. */
  readonly profile?: string;
  readonly [flag: string]: unknown;
}

export interface RunEnvironment {
  readonly root: string;
  /** Folder for the result. Default: .tripline/bench. */
  readonly results?: string;
  /** The result: tables and the last line. */
  readonly print: (text: string) => void;
  /** Prints progress messages. */
  readonly log: (line: string) => void;
}

/**
 * Runs the parts of a benchmark in sequence, prints a table for each, writes the result as JSON, and ends with one
 * line. @returns the result; undefined, after one line with the reason, if nothing can be measured here
 *
 * @throws BenchError before anything runs, if something is missing
 */
export async function runBenchmark(
  benchmark: Benchmark,
  flags: BenchFlags,
  environment: RunEnvironment,
): Promise<BenchResult | undefined> {
  const { root, print, log } = environment;
  const { name } = benchmark;
  const parts = chooseParts(benchmark, flags.only);
  const absent = await benchmark.absent?.(environment, flags);
  if (absent !== undefined) {
    print(absent);
    return undefined;
  }
  const older = flags.compare === undefined ? undefined : await readResult(flags.compare);
  const folder = environment.results ?? join(root, ".tripline", "bench");
  const startedAt = new Date();
  const profiles = flags.profile === undefined ? undefined : resolve(flags.profile);
  const context = new BenchContext({ root, results: folder, rounds: flags.rounds, profiles, flags, log });
  const before = { date: startedAt.toISOString(), machine: describeMachine(), commit: describeCommit(root) };
  const partResults: PartResult[] = [];
  try {
    for (const part of parts) await part.check?.(context);
    await clearLeftovers(folder);
    print(printHeading({ name, ...before }));
    for (const [index, part] of parts.entries()) {
      log(`${part.name}: ${part.title}`);
      const partResult = resultOf(part, await part.run(context));
      partResults.push(partResult);
      // Printed immediately, so that figures are not lost if a later part fails.
      print(`\n${printPart(partResult)}`);
      const isShared = flags.short === true && part.sharesSystem === true && parts[index + 1]?.sharesSystem === true;
      if (!isShared) await context.close();
    }
  } finally {
    await context.close();
  }
  const durationS = Math.round((Date.now() - startedAt.getTime()) / 1_000);
  const result: BenchResult = { format: 1, name, ...before, durationS, versions: context.versions, parts: partResults };
  const file = await writeResult(folder, result);
  if (profiles !== undefined) print(`\n${await printProfiles(profiles, startedAt, context.stretches)}`);
  if (older !== undefined) print(`\n### beside ${flags.compare}\n\n${printComparison(compareResults(older, result))}`);
  print(`\n${printVersions(result)}\nresult: ${file}\n${linesOf(result, benchmark)}`);
  return result;
}

function linesOf({ parts }: BenchResult, benchmark: Benchmark): string {
  const separate = benchmark.parts.flatMap(({ name, line }) => {
    const own = parts.filter((part) => part.name === name);
    return line === undefined || own.length === 0 ? [] : [{ name, parts: own, line }];
  });
  const shared = parts.filter((part) => !separate.some(({ name }) => name === part.name));
  const first = shared.length === 0 ? [] : [printLine({ name: benchmark.name, parts: shared }, benchmark.line)];
  return [...first, ...separate.map(({ line, ...part }) => printLine(part, line))].join("\n");
}

/** Summaries of all CPU profiles of this run in the folder. */
async function printProfiles(folder: string, since: Date, stretches: readonly Stretch[]): Promise<string> {
  const tables: string[] = [];
  for (const name of (await readdir(folder)).filter((file) => file.endsWith(".cpuprofile")).sort()) {
    const path = join(folder, name);
    if ((await stat(path)).mtime < since) continue;
    tables.push(printProfile(name, summariseProfile(JSON.parse(await readFile(path, "utf8")), stretches)));
  }
  return tables.join("\n\n");
}

function chooseParts({ name, parts }: Benchmark, only: readonly string[] | undefined): readonly BenchPart[] {
  const known = parts.map((part) => part.name);
  const unknown = only?.find((part) => !known.includes(part));
  if (unknown !== undefined)
    throw new BenchError(`--only: ${name} has no part "${unknown}"; its parts are ${known.join(", ")}.`);
  if (only === undefined) return parts.filter((part) => part.onlyWhenNamed !== true);
  return parts.filter((part) => only.includes(part.name));
}

function resultOf({ name, title }: BenchPart, { contestants, summary, notes = [] }: PartOutcome): PartResult {
  return {
    name,
    title,
    notes: [...notes],
    contestants: contestants.map((measured) => {
      const spreads = Object.entries(spreadsOf(measured));
      const figures = spreads.map(([figure, spread]) => {
        return [figure, { ...spread, values: measured.samples[figure] ?? [] }] as const;
      });
      const rounds = Math.max(...Object.values(measured.samples).map((values) => values.length));
      return { name: measured.name, rounds, figures: Object.fromEntries(figures) };
    }),
    summary: Object.fromEntries(Object.entries(summary).map(([figure, values]) => [figure, spreadOf(values)])),
  };
}
