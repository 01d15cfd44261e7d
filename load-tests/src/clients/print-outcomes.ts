import type { Outcome } from "./stock-client.js";

/** The result of one tool. */
export interface ToolResult {
  readonly tool: string;
  /** Absent if the tool is not installed. */
  readonly version?: string;
  /** The reason why it did not run. */
  readonly missing?: string;
  readonly outcomes: readonly Outcome[];
}

/** Prints a row for each task of each tool, and a last line with the counts. */
export function printOutcomes(results: readonly ToolResult[]): string {
  const rows = results.flatMap(({ tool, version = "", missing, outcomes }) =>
    missing === undefined
      ? outcomes.map(({ asked, fault }) => [tool, version, asked, fault === undefined ? "passed" : `failed: ${fault}`])
      : [[tool, "", "", `not run: ${missing}`]],
  );
  const table = [["tool", "version", "asked", "result"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  const { passed, failed, missing } = countOutcomes(results);
  return [...lines, "", `${passed} passed, ${failed} failed, ${missing} tools not run`].join("\n");
}

export function countOutcomes(results: readonly ToolResult[]): { passed: number; failed: number; missing: number } {
  const outcomes = results.flatMap((result) => result.outcomes);
  const failed = outcomes.filter(({ fault }) => fault !== undefined).length;
  const missing = results.filter((result) => result.missing !== undefined).length;
  return { passed: outcomes.length - failed, failed, missing };
}
