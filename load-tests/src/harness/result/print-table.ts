import { printNumber, printSpread } from "../spread.js";
import type { BenchResult, PartResult } from "./result-file.js";

/** A part as Markdown: a row per figure, a column per contestant, and the figures of the summary. */
export function printPart({ name, title, notes, contestants, summary }: PartResult): string {
  const figures = [...new Set(contestants.flatMap((contestant) => Object.keys(contestant.figures)))];
  const heads = contestants.map((contestant) => `${contestant.name} (${contestant.rounds}×)`);
  const rows = figures.map((figure) => {
    const cells = contestants.map((contestant) => {
      const spread = contestant.figures[figure];
      return spread === undefined ? "–" : printSpread(spread);
    });
    return `| ${figure} | ${cells.join(" | ")} |`;
  });
  const totals = Object.entries(summary).map(([figure, spread]) => `| ${figure} | ${printSpread(spread)} |`);
  const table = [
    `| median (lowest–highest) | ${heads.join(" | ")} |`,
    `| --- |${" ---: |".repeat(heads.length)}`,
    ...rows,
    "",
  ];
  return [
    `### ${name}: ${title}`,
    "",
    ...(contestants.length === 0 ? [] : table),
    ...(totals.length === 0 ? [] : ["| summary | median (lowest–highest) |", "| --- | ---: |", ...totals, ""]),
    ...notes.map((note) => `- ${note}`),
  ]
    .join("\n")
    .trimEnd();
}

/** The title of the benchmark, and the machine. */
export function printHeading({
  name,
  date,
  commit,
  machine,
}: Pick<BenchResult, "name" | "date" | "commit" | "machine">): string {
  const { cpu, cores, memoryGb, system, loadAverage } = machine;
  return [
    `## ${name}, ${date}`,
    "",
    `- ${cpu}, ${cores} cores, ${printNumber(memoryGb)} GB, ${system}; load average ${loadAverage.toFixed(2)} before the run`,
    `- commit ${commit}`,
  ].join("\n");
}

export function printVersions({ versions }: Pick<BenchResult, "versions">): string {
  return `versions: ${Object.entries(versions)
    .map(([program, version]) => `${program} ${version}`)
    .join(", ")}`;
}

/**
 * The one-line summary, such as `features: rps_ratio=21.3 p99_ratio=0.18`: the medians of the figures in the given
 * order, without the parts that did not run.
 */
export function printLine({ name, parts }: Pick<BenchResult, "name" | "parts">, order: readonly string[]): string {
  const found = new Map(parts.flatMap(({ summary }) => Object.entries(summary)));
  const figures = order.map((figure) => {
    const spread = found.get(figure);
    return `${figure}=${spread === undefined ? "n/a" : printNumber(spread.median)}`;
  });
  return `${name}: ${figures.join(" ")}`;
}
