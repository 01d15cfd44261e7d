import type { Transcript } from "../k6/read-transcript.js";
import type { CpuSample } from "../k6/run-k6.js";
import type { Stage } from "../scenarios.js";
import { paymentsUntil, secondsOf } from "../scenarios.js";
import { quantiles } from "./judge-run.js";

/** Figures over time, one value per slice. */
export interface Series {
  readonly secondsPerSlice: number;
  /** Payments due per second. */
  readonly askedPerS: readonly number[];
  readonly sentPerS: readonly number[];
  readonly decidedPerS: readonly number[];
  /** Latency of requests in this slice, ms; null without decisions. */
  readonly p50Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
  readonly refusedPerS: readonly number[];
  readonly failedPerS: readonly number[];
  readonly undecidedPerS: readonly number[];
  readonly degradedPerS: readonly number[];
  readonly latenessP99Ms: readonly (number | null)[];
  readonly k6Cores: readonly (number | null)[];
  readonly machineBusy: readonly (number | null)[];
}

const SLICES_MAX = 600;

export function seriesOf(stages: readonly Stage[], transcript: Transcript, cpu: readonly CpuSample[]): Series {
  const seconds = Math.ceil(secondsOf(stages));
  const secondsPerSlice = Math.max(1, Math.ceil(seconds / SLICES_MAX));
  const count = Math.ceil(seconds / secondsPerSlice);
  const slices = Array.from({ length: count }, () => emptySlice());
  const sliceAt = (atMs: number) => slices[Math.min(count - 1, Math.floor(atMs / 1_000 / secondsPerSlice))];
  for (let index = 0; index < transcript.count; index += 1) {
    const slice = sliceAt(transcript.atMs[index] ?? 0);
    if (slice !== undefined) addPayment(slice, transcript, index);
  }
  for (const { atMs, k6Cores, machineBusy } of cpu) {
    const slice = sliceAt(Math.max(0, atMs - (transcript.startMs ?? atMs)));
    slice?.machineBusy.push(machineBusy);
    if (k6Cores !== undefined) slice?.k6Cores.push(k6Cores);
  }
  const perSecond = (pick: (slice: Slice) => number) => slices.map((slice) => pick(slice) / secondsPerSlice);
  const quantile = (pick: (slice: Slice) => number[], fraction: number) =>
    slices.map((slice) => nullForNone(quantiles(pick(slice), [fraction])[0]));
  const mean = (pick: (slice: Slice) => number[]) =>
    slices.map((slice) => {
      const values = pick(slice);
      return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
    });
  return {
    secondsPerSlice,
    askedPerS: slices.map((_slice, index) => {
      const [from, to] = [index, index + 1].map((slice) => paymentsUntil(stages, slice * secondsPerSlice * 1_000));
      return ((to ?? 0) - (from ?? 0)) / secondsPerSlice;
    }),
    sentPerS: perSecond(({ sent }) => sent),
    decidedPerS: perSecond(({ decided }) => decided),
    p50Ms: quantile(({ latenciesMs }) => latenciesMs, 0.5),
    p99Ms: quantile(({ latenciesMs }) => latenciesMs, 0.99),
    refusedPerS: perSecond(({ refused }) => refused),
    failedPerS: perSecond(({ failed }) => failed),
    undecidedPerS: perSecond(({ undecided }) => undecided),
    degradedPerS: perSecond(({ degraded }) => degraded),
    latenessP99Ms: quantile(({ latenessMs }) => latenessMs, 0.99),
    k6Cores: mean((slice) => slice.k6Cores),
    machineBusy: mean((slice) => slice.machineBusy),
  };
}

interface Slice {
  sent: number;
  decided: number;
  refused: number;
  failed: number;
  undecided: number;
  degraded: number;
  readonly latenciesMs: number[];
  readonly latenessMs: number[];
  readonly k6Cores: number[];
  readonly machineBusy: number[];
}

function emptySlice(): Slice {
  const lists = { latenciesMs: [], latenessMs: [], k6Cores: [], machineBusy: [] };
  return { sent: 0, decided: 0, refused: 0, failed: 0, undecided: 0, degraded: 0, ...lists };
}

function addPayment(slice: Slice, transcript: Transcript, index: number): void {
  const status = transcript.statuses[index] ?? 0;
  const isDecided = transcript.prints[index] !== 0;
  slice.sent += 1;
  if (transcript.isFirst(index)) slice.latenessMs.push(transcript.latenessMs[index] ?? 0);
  slice.decided += isDecided ? 1 : 0;
  if (isDecided && transcript.isFirst(index)) slice.latenciesMs.push(transcript.latencyMs[index] ?? 0);
  if (transcript.isDegraded(index)) slice.degraded += 1;
  if (transcript.isAccepted(index)) slice.undecided += isDecided ? 0 : 1;
  else if (status === 429 || status === 503) slice.refused += 1;
  else slice.failed += 1;
}

function nullForNone(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
