import { printNumber } from "../spread.js";
import type { BenchResult, PartResult } from "./result-file.js";

export interface ComparedFigure {
  /** For example `read / tripline / ops_per_s`. */
  readonly figure: string;
  readonly old: number;
  readonly new: number;
  /** Old divided by new; above 1 if the new one is smaller. */
  readonly ratio: number;
}

export interface Comparison {
  readonly figures: readonly ComparedFigure[];
  /** Figures that only one of the results has. */
  readonly onlyOld: readonly string[];
  readonly onlyNew: readonly string[];
  /** Differences between the two runs other than the code. */
  readonly differences: readonly string[];
}

/** Compares the medians of all figures of two results of the same benchmark. */
export function compareResults(older: BenchResult, newer: BenchResult): Comparison {
  const [old, young] = [mediansOf(older), mediansOf(newer)];
  const figures = [...young].flatMap(([figure, value]) => {
    const before = old.get(figure);
    return before === undefined ? [] : [{ figure, old: before, new: value, ratio: before / value }];
  });
  return {
    figures,
    onlyOld: [...old.keys()].filter((figure) => !young.has(figure)),
    onlyNew: [...young.keys()].filter((figure) => !old.has(figure)),
    differences: differencesOf(older, newer),
  };
}

function mediansOf({ parts }: BenchResult): Map<string, number> {
  return new Map(parts.flatMap(mediansOfPart));
}

function mediansOfPart({ name: part, contestants, summary }: PartResult): [string, number][] {
  const own = contestants.flatMap(({ name, figures }) =>
    Object.entries(figures).map(([figure, { median }]): [string, number] => [`${part} / ${name} / ${figure}`, median]),
  );
  const totals = Object.entries(summary).map(([figure, { median }]): [string, number] => [
    `${part} / ${figure}`,
    median,
  ]);
  return [...own, ...totals];
}

function differencesOf(older: BenchResult, newer: BenchResult): string[] {
  const differences: string[] = [];
  const tell = (what: string, old: unknown, young: unknown) => {
    if (old !== young) differences.push(`${what}: ${old ?? "none"} before, ${young ?? "none"} now`);
  };
  tell("benchmark", older.name, newer.name);
  for (const key of ["cpu", "cores", "memoryGb", "system"] as const) {
    tell(key, older.machine[key], newer.machine[key]);
  }
  const names = new Set([...Object.keys(older.versions), ...Object.keys(newer.versions)]);
  for (const name of names) tell(`version of ${name}`, older.versions[name], newer.versions[name]);
  return differences;
}

/** A Markdown table with the notes needed to read it. */
export function printComparison({ figures, onlyOld, onlyNew, differences }: Comparison): string {
  const rows = figures.map(
    (row) => `| ${row.figure} | ${printNumber(row.old)} | ${printNumber(row.new)} | ${printNumber(row.ratio)} |`,
  );
  const remarks = [
    ...differences,
    ...onlyOld.map((figure) => `only in the old run: ${figure}`),
    ...onlyNew.map((figure) => `only in the new run: ${figure}`),
  ];
  return [
    "| figure | old | new | old / new |",
    "| --- | ---: | ---: | ---: |",
    ...rows,
    ...(remarks.length === 0 ? [] : ["", ...remarks.map((remark) => `- ${remark}`)]),
  ].join("\n");
}
