import type { Breakpoint, GeneratorFigures, PhaseFigures } from "../judge/judge-run.js";
import { crossed } from "../judge/judge-run.js";
import { balances, ledgerLine } from "../judge/load-ledger.js";
import type { Limit } from "../k6/run-k6.js";
import type { LoadResult } from "../load-result.js";

/** The figures of a phase as table columns. */
export const COLUMNS: readonly (readonly [title: string, value: (figures: PhaseFigures) => string])[] = [
  ["phase", ({ phase, isLimited }) => phase + (isLimited ? "" : " *")],
  ["s", ({ seconds }) => whole(seconds)],
  ["due/s", ({ askedPerS }) => whole(askedPerS)],
  ["sent/s", ({ sentPerS }) => whole(sentPerS)],
  ["decided/s", ({ decidedPerS }) => whole(decidedPerS)],
  ["p50 ms", ({ p50Ms }) => tenths(p50Ms)],
  ["p95 ms", ({ p95Ms }) => tenths(p95Ms)],
  ["p99 ms", ({ p99Ms }) => tenths(p99Ms)],
  ["max ms", ({ maxMs }) => tenths(maxMs)],
  ["degraded", ({ degraded }) => String(degraded)],
  ["undecided", ({ undecided }) => String(undecided)],
  ["refused", ({ refused }) => String(refused)],
  ["failed", ({ failed }) => String(failed)],
  ["late p99 ms", ({ latenessP99Ms }) => tenths(latenessP99Ms)],
];

/** The text report of a run. */
export function printRun(result: LoadResult): string {
  const { settings, counts, ledger, machine } = result;
  const { retries, differing, labels, labelsApplied, badInput, badInputAccepted } = counts;
  const began = `load ${machine.loadAverage.toFixed(1)} on ${machine.cores} cores at the start`;
  return [
    "",
    `${settings.scenario}: ${settings.rate}/s for ${settings.seconds} s against ${settings.target}, k6 ${result.k6}, seed ${result.seed}, ${began}`,
    "",
    ...tableOf(result.phases),
    ...(result.phases.every(({ isLimited }) => isLimited) ? [] : ["  * without limits on latency and errors"]),
    "",
    `retries: sent=${retries} differing=${differing}   labels: sent=${labels} applied=${labelsApplied}   bad input: sent=${badInput} accepted=${badInputAccepted}`,
    ...result.killed.map((what) => `killed on purpose: ${what}`),
    ...driftLines(result.phases),
    `generator: ${generatorLine(result.generator)}`,
    ...limitLines(result.limits),
    ...(result.breakpoint === undefined ? [] : [`breakpoint: ${breakpointLine(result.breakpoint)}`]),
    ...(ledger.lost === 0
      ? []
      : [`lost: ${ledger.lostIds.join(", ")}${ledger.lost > ledger.lostIds.length ? ", …" : ""}`]),
    `${ledgerLine(ledger)} (by ${ledger.source})`,
    ...(result.fault === undefined ? [] : [result.fault.sentence]),
    "",
  ].join("\n");
}

/** Columns are as wide as their widest cell. The first one is left-aligned, and numbers are right-aligned. */
function tableOf(phases: readonly PhaseFigures[]): string[] {
  const rows = [
    COLUMNS.map(([title]) => title),
    ...phases.map((figures) => COLUMNS.map(([, value]) => value(figures))),
  ];
  const widths = COLUMNS.map((_column, index) => Math.max(...rows.map((row) => (row[index] ?? "").length)));
  return rows.map((row) => {
    const cells = row.map((cell, index) =>
      index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0),
    );
    return `  ${cells.join("  ")}`;
  });
}

function generatorLine(figures: GeneratorFigures): string {
  const { planned, begun, dropped, latenessP99Ms, k6Cores, cores, machineBusy, underWay, vus } = figures;
  const own = k6Cores === undefined ? "unknown" : `${k6Cores.toFixed(2)} of ${cores}`;
  return (
    `planned=${planned} sent=${begun} dropped=${dropped} late_p99_ms=${latenessP99Ms.toFixed(1)} k6_cores=${own} ` +
    `machine_busy=${(machineBusy * 100).toFixed(0)}% under_way_max=${underWay.toFixed(0)} of ${vus}`
  );
}

function limitLines(limits: readonly Limit[]): string[] {
  const broken = crossed(limits);
  if (broken.length === 0) return [`limits: none of ${limits.length} was exceeded`];
  return [
    `limits: ${broken.length} of ${limits.length} were exceeded`,
    ...broken.map(
      (limit) =>
        `  ${limit.metric} ${limit.condition} was ${limit.value === undefined ? "missed" : shown(limit.value)}`,
    ),
  ];
}

/** For a soak test: whether the end of the run is like its beginning. */
function driftLines(phases: readonly PhaseFigures[]): string[] {
  const [first, last] = ["first tenth", "last tenth"].map((name) => phases.find(({ phase }) => phase === name));
  if (first === undefined || last === undefined) return [];
  const ratio = (after: number, before: number): string => `×${(after / before).toFixed(2)}`;
  return [
    `drift from the first tenth to the last: p50 ${ratio(last.p50Ms, first.p50Ms)}, p99 ${ratio(last.p99Ms, first.p99Ms)}`,
  ];
}

export function breakpointLine({ heldPerS, brokeAt }: Breakpoint): string {
  if (brokeAt === undefined) return `none up to ${heldPerS} payments per second`;
  const held =
    heldPerS === 0 ? "no step stayed within the limits" : `${heldPerS} payments per second stayed within the limits`;
  return `${held}, ${brokeAt.perS} did not: ${brokeAt.why}`;
}

/** Whether the ledger balances, all limits were met and the generator kept up. */
export function isGood({ limits, ledger, fault, breakpoint }: LoadResult): boolean {
  if (!balances(ledger) || ledger.accepted === 0 || fault !== undefined) return false;
  // If even the first step of a ramp fails, the run has not found the limit.
  return crossed(limits).length === 0 && breakpoint?.heldPerS !== 0;
}

function whole(value: number): string {
  return Number.isNaN(value) ? "-" : value.toFixed(0);
}

function tenths(value: number): string {
  return Number.isNaN(value) ? "-" : value.toFixed(1);
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}
