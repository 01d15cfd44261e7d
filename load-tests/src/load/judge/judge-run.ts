import type { Transcript } from "../k6/read-transcript.js";
import type { CpuSample, K6Outcome, Limit } from "../k6/run-k6.js";
import type { LoadSettings } from "../load-settings.js";
import type { Stage } from "../scenarios.js";
import { paymentsIn, paymentsPerIteration, SCENARIOS } from "../scenarios.js";

/** The callers' view of one phase. Times are in ms; NaN without decisions. */
export interface PhaseFigures {
  readonly phase: string;
  readonly isLimited: boolean;
  readonly seconds: number;
  /** Average number of payments due per second. */
  readonly askedPerS: number;
  readonly sentPerS: number;
  readonly decidedPerS: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly latenessP99Ms: number;
  /** Average number of requests in flight. */
  readonly underWay: number;
  readonly sent: number;
  /** Requests that were temporarily rejected with 429 or 503. */
  readonly refused: number;
  readonly failed: number;
  /** Accepted payments for which no decision was returned. */
  readonly undecided: number;
  readonly degraded: number;
}

/** Phases in the order of their start. Stages with the same name form one phase. */
export function figuresByPhase(stages: readonly Stage[], transcript: Transcript): PhaseFigures[] {
  const names = [...new Set(stages.map(({ phase }) => phase))];
  const rows = new Map<string, number[]>(names.map((name) => [name, []]));
  const ends: number[] = [];
  for (const { seconds } of stages) ends.push((ends.at(-1) ?? 0) + seconds * 1_000);
  for (let index = 0; index < transcript.count; index += 1) {
    const atMs = transcript.atMs[index] ?? 0;
    const at = ends.findIndex((endMs) => atMs < endMs);
    rows.get(stages.at(at)?.phase ?? "")?.push(index);
  }
  return names.map((phase) => {
    const own = stages.filter((stage) => stage.phase === phase);
    return figuresOf(phase, own, transcript, rows.get(phase) ?? []);
  });
}

function figuresOf(
  phase: string,
  stages: readonly Stage[],
  transcript: Transcript,
  rows: readonly number[],
): PhaseFigures {
  const counts = { refused: 0, failed: 0, undecided: 0, degraded: 0 };
  let decided = 0;
  const latencies: number[] = [];
  let waitedMs = 0;
  for (const index of rows) {
    const status = transcript.statuses[index] ?? 0;
    const isDecided = transcript.prints[index] !== 0;
    if (!transcript.isAccepted(index)) counts[status === 429 || status === 503 ? "refused" : "failed"] += 1;
    else if (!isDecided) counts.undecided += 1;
    if (isDecided) decided += 1;
    if (transcript.isDegraded(index)) counts.degraded += 1;
    if (!transcript.isFirst(index)) continue;
    waitedMs += transcript.latencyMs[index] ?? 0;
    if (isDecided) latencies.push(transcript.latencyMs[index] ?? 0);
  }
  const seconds = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const [p50Ms = 0, p95Ms = 0, p99Ms = 0, maxMs = 0] = quantiles(latencies, [0.5, 0.95, 0.99, 1]);
  const lateness = rows.map((index) => transcript.latenessMs[index] ?? 0);
  const [latenessP99Ms = 0] = quantiles(lateness, [0.99]);
  return {
    phase,
    isLimited: stages.some(({ isLimited }) => isLimited),
    seconds,
    sent: rows.length,
    askedPerS: paymentsIn(stages) / seconds,
    sentPerS: rows.length / seconds,
    decidedPerS: decided / seconds,
    p50Ms,
    p95Ms,
    p99Ms,
    maxMs,
    latenessP99Ms,
    ...counts,
    underWay: waitedMs / 1_000 / seconds,
  };
}

/** The quantiles; NaN if there are no values. */
export function quantiles(values: readonly number[], fractions: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  return fractions.map((fraction) => {
    const at = Math.min(sorted.length - 1, Math.floor(fraction * sorted.length));
    return sorted[at] ?? Number.NaN;
  });
}

export interface GeneratorFigures {
  readonly planned: number;
  readonly begun: number;
  readonly dropped: number;
  readonly latenessP99Ms: number;
  /** Average number of cores that k6 used; undefined if the system does not report it. */
  readonly k6Cores: number | undefined;
  readonly cores: number;
  /** Busy share of all cores, for all processes. */
  readonly machineBusy: number;
  /** Maximum number of requests in flight, averaged over a second. */
  readonly underWay: number;
  readonly vus: number;
}

export function generatorFigures(
  settings: LoadSettings,
  stages: readonly Stage[],
  transcript: Transcript,
  outcome: K6Outcome,
  cores: number,
): GeneratorFigures {
  const { mix } = SCENARIOS[settings.scenario];
  const perIteration = paymentsPerIteration(mix, settings.lines);
  const lateness = Array.from(transcript.latenessMs.subarray(0, transcript.count));
  const [latenessP99Ms = 0] = quantiles(lateness, [0.99]);
  const known = outcome.cpu.flatMap(({ k6Cores }) => k6Cores ?? []);
  return {
    planned: Math.floor(paymentsIn(stages) / perIteration),
    begun: outcome.iterations,
    dropped: outcome.dropped,
    latenessP99Ms,
    k6Cores: known.length === 0 ? undefined : mean(known),
    cores,
    machineBusy: mean(outcome.cpu.map((sample: CpuSample) => sample.machineBusy)),
    underWay: underWayMax(transcript),
    vus: settings.vus,
  };
}

/**
 * The lines of a batch count as one request. Waits after the payment itself, for example for a label, are not included.
 */
function underWayMax(transcript: Transcript): number {
  const waitedMs: number[] = [];
  for (let index = 0; index < transcript.count; index += 1) {
    if (!transcript.isFirst(index)) continue;
    let fromMs = transcript.atMs[index] ?? 0;
    const toMs = fromMs + (transcript.latencyMs[index] ?? 0);
    while (fromMs < toMs) {
      const second = Math.floor(fromMs / 1_000);
      const endMs = Math.min(toMs, (second + 1) * 1_000);
      waitedMs[second] = (waitedMs[second] ?? 0) + endMs - fromMs;
      fromMs = endMs;
    }
  }
  return waitedMs.reduce((most, ms) => Math.max(most, ms / 1_000), 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Maximum share of missing iterations. */
const MISSING_SHARE_MAX = 0.001;
const SATURATED_SHARE = 0.9;
/** Below 1, because the transcript does not show all of an iteration. */
const USERS_WAITING_SHARE = 0.8;
/** Above this, k6's own delay distorts the latencies. */
export const LATENESS_P99_MS_MAX = 50;

/** A reason why the load was not sent as planned. */
export interface Fault {
  readonly sentence: string;
  /** If the generator is the cause, the run says nothing about the system. */
  readonly by: "system" | "generator";
}

/**
 * Returns the reason why the load was not sent on time. In that case, the latencies are wrong: they are either too low,
 * because the slow system held up k6, or caused by k6 itself.
 *
 * @returns undefined if the load was sent on time
 */
export function loadFault(figures: GeneratorFigures): Fault | undefined {
  const { planned, begun, dropped, latenessP99Ms, underWay, vus } = figures;
  const missing = Math.max(dropped, planned - begun);
  if (missing > Math.max(1, planned * MISSING_SHARE_MAX)) {
    if (underWay < USERS_WAITING_SHARE * vus) {
      const sentence = `The generator could not send ${missing} of ${planned} requests: ${reasonOf(figures)}.`;
      return { sentence, by: "generator" };
    }
    const sentence = `The system delayed ${missing} of ${planned} requests: all ${vus} users of k6 were waiting for its responses, so its latency is worse than shown; lower --rate, or raise --vus.`;
    return { sentence, by: "system" };
  }
  if (latenessP99Ms > LATENESS_P99_MS_MAX) {
    const sentence = `The generator could not send in time: 1 % of the requests were sent at least ${latenessP99Ms.toFixed(0)} ms late, because ${reasonOf(figures)}.`;
    return { sentence, by: "generator" };
  }
  return undefined;
}

function reasonOf({ k6Cores, cores, machineBusy }: GeneratorFigures): string {
  const fix = "lower --rate, or run k6 on another machine against --target";
  if (k6Cores !== undefined && k6Cores >= SATURATED_SHARE * cores) {
    return `k6 used ${k6Cores.toFixed(2)} of ${cores} cores itself; ${fix}`;
  }
  if (machineBusy >= SATURATED_SHARE) {
    const own = k6Cores === undefined ? "" : `, and k6 used ${k6Cores.toFixed(2)} of these cores`;
    return `this machine's ${cores} cores were ${(machineBusy * 100).toFixed(0)} % busy${own}; ${fix}`;
  }
  return `something else delayed k6; ${fix}`;
}

export interface Breakpoint {
  /** Payments per second of the last step within the limits; 0 if there was none. */
  readonly heldPerS: number;
  /** The first step beyond the limits; undefined if there was none. */
  readonly brokeAt?: Break & { readonly perS: number };
}

export interface Break {
  readonly why: string;
  /** The part that could not keep up. */
  readonly by: "system" | "generator";
}

/** Evaluates the steps of a ramp, from the lowest one to the first one that exceeds a limit. */
export function findBreakpoint(phases: readonly PhaseFigures[], settings: LoadSettings): Breakpoint {
  let heldPerS = 0;
  for (const step of phases.filter(({ phase }) => phase.endsWith("/s"))) {
    const perS = Math.round(step.askedPerS);
    const broken = breakOf(step, settings);
    if (broken !== undefined) return { heldPerS, brokeAt: { perS, ...broken } };
    heldPerS = perS;
  }
  return { heldPerS };
}

/** A ramp ends when something cannot keep up. If it is the generator, the run says nothing about the system. */
export function rampFault({ heldPerS, brokeAt }: Breakpoint, figures: GeneratorFigures): Fault | undefined {
  if (brokeAt?.by !== "generator") return undefined;
  const sentence = `The generator could not send ${brokeAt.perS} payments per second, and the system's own limit is above ${heldPerS}: ${brokeAt.why}, because ${reasonOf(figures)}.`;
  return { sentence, by: "generator" };
}

const SENT_SHARE_MIN = 0.98;

function breakOf(step: PhaseFigures, settings: LoadSettings): Break | undefined {
  const { p99Ms, errorsPercent, degradedPercent, vus } = settings;
  const percent = (count: number): number => (100 * count) / Math.max(1, step.sent);
  const errors = percent(step.refused + step.failed);
  const worse = percent(step.degraded + step.undecided);
  const sentShare = step.sentPerS / step.askedPerS;
  const late = `payments were sent ${step.latenessP99Ms.toFixed(0)} ms late (p99)`;
  if (sentShare < SENT_SHARE_MIN) {
    const why = `only ${(100 * sentShare).toFixed(0)} % of the payments could be sent`;
    if (step.underWay < USERS_WAITING_SHARE * vus) return { why, by: "generator" };
    return { why: `${why}, as ${vus} were waiting for a response`, by: "system" };
  }
  if (step.latenessP99Ms > LATENESS_P99_MS_MAX) return { why: late, by: "generator" };
  if (errors > errorsPercent) return { why: `${errors.toFixed(2)} % were rejected or failed`, by: "system" };
  if (worse > degradedPercent)
    return { why: `${worse.toFixed(2)} % were decided late or without the model`, by: "system" };
  if (!(step.p99Ms <= p99Ms)) return { why: `p99 of ${step.p99Ms.toFixed(0)} ms exceeds ${p99Ms} ms`, by: "system" };
  return undefined;
}

export function crossed(limits: readonly Limit[]): Limit[] {
  return limits.filter(({ ok }) => !ok);
}
