import { Session } from "node:inspector/promises";

/** The output of V8's profiler: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Microseconds on the machine's monotonic clock, like `process.hrtime`. */
  readonly startTime?: number;
  readonly samples?: readonly number[];
  /** Microseconds between samples. */
  readonly timeDeltas?: readonly number[];
}

export interface ProfileShare {
  readonly name: string;
  /** Share of the time in which code ran, from 0 to 1. */
  readonly share: number;
}

export interface ProfileSummary {
  /** Time in which code ran. */
  readonly busyMs: number;
  /** By package or part of Node, largest first. */
  readonly rooms: readonly ProfileShare[];
  /** The functions with the most self time. */
  readonly functions: readonly ProfileShare[];
}

const FUNCTIONS_MAX = 12;
/** V8's names for entries that are not functions, and the profiler's own work. */
const IDLE = new Set(["(idle)", "(root)"]);

/** A range of the monotonic clock, in microseconds. */
export interface Stretch {
  readonly fromUs: number;
  readonly toUs: number;
}

export const monotonicUs = (): number => Number(process.hrtime.bigint() / 1_000n);

/** Self time by owner of the code. Covers the whole profile, or only some ranges, for example to omit the start. */
export function summariseProfile(profile: CpuProfile, stretches?: readonly Stretch[]): ProfileSummary {
  const { nodes, startTime = 0, samples = [], timeDeltas = [] } = profile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const [rooms, functions] = [new Map<string, number>(), new Map<string, number>()];
  let busyUs = 0;
  let atUs = startTime;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const us = Math.max(0, timeDeltas[index] ?? 0);
    atUs += us;
    if (stretches?.every(({ fromUs, toUs }) => atUs < fromUs || atUs > toUs)) continue;
    if (frame === undefined || IDLE.has(frame.functionName) || frame.url === "node:inspector") continue;
    busyUs += us;
    const room = roomOf(frame.url, frame.functionName);
    rooms.set(room, (rooms.get(room) ?? 0) + us);
    const name = frame.url === "" ? frame.functionName : `${frame.functionName || "(anonymous)"} · ${room}`;
    functions.set(name, (functions.get(name) ?? 0) + us);
  }
  return {
    busyMs: busyUs / 1_000,
    rooms: sharesOf(rooms, busyUs),
    functions: sharesOf(functions, busyUs, FUNCTIONS_MAX),
  };
}

function sharesOf(
  times: ReadonlyMap<string, number>,
  totalUs: number,
  most = Number.POSITIVE_INFINITY,
): ProfileShare[] {
  return [...times]
    .sort(([, left], [, right]) => right - left)
    .slice(0, most)
    .map(([name, us]) => ({ name, share: us / totalUs }));
}

/** One of our packages, a third-party package, or a part of Node. */
function roomOf(url: string, functionName: string): string {
  if (url === "") return functionName === "(garbage collector)" ? functionName : "node itself";
  if (url.startsWith("node:")) return url.replace(/^node:(internal\/)?/, "node:").split("/")[0] ?? url;
  const foreign = [...url.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].at(-1)?.[1];
  if (foreign !== undefined && foreign !== ".pnpm") return foreign;
  return /((?:apps|packages)\/[^/]+|load-tests)\//.exec(url)?.[1] ?? url;
}

/** Two Markdown tables. */
export function printProfile(name: string, { busyMs, rooms, functions }: ProfileSummary): string {
  const rows = (shares: readonly ProfileShare[]) =>
    shares.filter(({ share }) => share >= 0.01).map((row) => `| ${row.name} | ${(row.share * 100).toFixed(1)} % |`);
  return [
    `### profile of ${name}: ${Math.round(busyMs)} ms busy`,
    "",
    "| where | own time |",
    "| --- | ---: |",
    ...rows(rooms),
    "",
    "| function | own time |",
    "| --- | ---: |",
    ...rows(functions),
  ].join("\n");
}

/** Profiles this process until `stop` is called. */
export async function profileThisProcess(): Promise<{ stop(): Promise<CpuProfile> }> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  return {
    async stop() {
      const { profile } = await session.post("Profiler.stop");
      session.disconnect();
      return profile;
    },
  };
}
