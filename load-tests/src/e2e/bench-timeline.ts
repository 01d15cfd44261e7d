import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";
import { percentile } from "../harness/spread.js";
import type { ArrivalFigures } from "./arrivals/drive-arrivals.js";
import { driveArrivals } from "./arrivals/drive-arrivals.js";
import type { LoadPlan } from "./bench-load.js";
import {
  ALONE_PER_S,
  CONNECTIONS,
  highestRate,
  loadContestant,
  ROUND_MS,
  requestsFor,
  requireHealthy,
  SHORT_ROUND_MS,
  startWarm,
} from "./bench-load.js";
import type { Panel } from "./timeline/draw-timeline.js";
import { drawTimeline } from "./timeline/draw-timeline.js";
import type { Slice } from "./timeline/read-schedule.js";
import { readSchedule, slicesBetween } from "./timeline/read-schedule.js";
import { linesOf, recordSchedule, requirePerf } from "./timeline/record-schedule.js";

const ROUNDS = 3;
const SHARES = { "a tenth": 0.1, half: 0.5 } as const;
const NS_PER_MS = 1e6;
const US_PER_MS = 1_000;
/** Top to bottom, in the order in which a payment meets them. */
const LANES = ["client", "ingestion", "features", "decisions", "scoring", "valkey", "kafka"] as const;

/** Where the time of one payment goes: who ran, and who could have run and waited for a processor. */
export const timelinePart: BenchPart = {
  name: "timeline",
  title: "what each process does while one payment is decided, and how long processes wait for a processor",
  onlyWhenNamed: true,
  line: ["wait_share_alone", "wait_share_at_tenth", "wait_share_at_half"],
  check: async ({ folder }) => {
    await mkdir(folder, { recursive: true });
    await requirePerf(folder);
  },
  run: runTimeline,
};

async function runTimeline(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const { system, stream } = await startWarm(context);
  const { ratePerSecond: highest, notes } = await highestRate(context, system, stream);
  const plan = { system, stream, durationMs: isShort ? SHORT_ROUND_MS : ROUND_MS };
  const contestants = [
    waitingContestant({ ...plan, name: "alone", ratePerSecond: ALONE_PER_S }),
    ...Object.entries(SHARES).map(([name, share]) =>
      waitingContestant({ ...plan, name, ratePerSecond: highest * share }),
    ),
  ];
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS });
  const picture = await draw(context, { ...plan, name: "timeline", ratePerSecond: ALONE_PER_S });
  return {
    contestants: measured,
    summary: {
      wait_share_alone: samplesOf(measured, "alone", "wait_share"),
      wait_share_at_tenth: samplesOf(measured, "a tenth", "wait_share"),
      wait_share_at_half: samplesOf(measured, "half", "wait_share"),
    },
    notes: [
      ...notes,
      "wait_share: of the time in which threads of the system ran or could have run, the share in which they waited for a processor (/proc/<pid>/task/*/schedstat).",
      `Picture: ${picture}`,
    ],
  };
}

/** A steady load, with how long the processes waited for a processor meanwhile. */
function waitingContestant(plan: LoadPlan): Contestant {
  const contestant = loadContestant(plan);
  return {
    ...contestant,
    async run() {
      const before = new Map([...plan.system.pids].map(([name, pid]) => [name, scheduledMs(pid)]));
      const { operations, figures } = await contestant.run();
      const spent = [...plan.system.pids].map(([name, pid]) => {
        const [now, then] = [scheduledMs(pid), before.get(name)];
        return { name, ran: now.ran - (then?.ran ?? 0), waited: now.waited - (then?.waited ?? 0) };
      });
      const shares = spent.map(({ name, ran, waited }) => [`${name}_wait_share`, waited / (ran + waited)] as const);
      const sum = (of: "ran" | "waited") => spent.reduce((total, one) => total + one[of], 0);
      const share = sum("waited") / (sum("ran") + sum("waited"));
      return { operations, figures: { ...figures, wait_share: share, ...Object.fromEntries(shares) } };
    },
  };
}

/** Milliseconds that the threads of a process have run, and have waited for a processor. */
function scheduledMs(pid: number): { readonly ran: number; readonly waited: number } {
  const total = { ran: 0, waited: 0 };
  for (const thread of threadsOf(pid)) {
    const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1")
      .split(" ")
      .map(Number);
    total.ran += ran / NS_PER_MS;
    total.waited += waited / NS_PER_MS;
  }
  return total;
}

const threadsOf = (pid: number): number[] => readdirSync(`/proc/${pid}/task`).map(Number);

/** Watches the scheduler during a round, and draws the median payment and a slow one. @returns where the picture is */
async function draw(context: BenchContext, { system, stream, ratePerSecond, durationMs }: LoadPlan): Promise<string> {
  const requests = requestsFor(stream, ratePerSecond, durationMs);
  let startUs = 0;
  let figures: ArrivalFigures | undefined;
  const file = await recordSchedule(context.folder, async () => {
    const onStart = () => {
      startUs = Number(process.hrtime.bigint()) / US_PER_MS;
    };
    const load = { port: system.port, requests, ratePerSecond, connectionsMax: CONNECTIONS, onStart };
    figures = await driveArrivals(load);
  });
  if (figures === undefined) throw new BenchError("timeline: nothing was sent.");
  requireHealthy(figures);
  const laneOf = lanesOf(system.pids);
  const slices = await readSchedule(linesOf(file), laneOf);
  const panels = [
    panelOf("The median payment", figures, startUs, slices, 0.5),
    panelOf("A slow one, the 95th percentile", figures, startUs, slices, 0.95),
  ];
  const { picture = join(context.root, ".tripline", "bench", "timeline.svg") } = context.flags;
  const path = resolve(String(picture));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, drawTimeline(LANES, panels));
  return path;
}

/** The lane of a thread; undefined for those that are not part of the system. */
function lanesOf(pids: ReadonlyMap<string, number>): (thread: number) => string | undefined {
  const lanes = new Map<number, string>();
  for (const [lane, pid] of [...pids, ["client", process.pid] as const]) {
    for (const thread of threadsOf(pid)) lanes.set(thread, lane);
  }
  return (thread) => lanes.get(thread);
}

function panelOf(
  name: string,
  { latenciesMs, answeredAtMs }: ArrivalFigures,
  startUs: number,
  slices: readonly Slice[],
  share: number,
): Panel {
  const wanted = percentile(latenciesMs, share);
  const place = latenciesMs.reduce(
    (best, ms, index) => (Math.abs(ms - wanted) < Math.abs((latenciesMs[best] ?? 0) - wanted) ? index : best),
    0,
  );
  const [latencyMs = 0, answeredMs = 0] = [latenciesMs[place], answeredAtMs[place]];
  const toUs = startUs + answeredMs * US_PER_MS;
  const fromUs = toUs - latencyMs * US_PER_MS;
  const title = `${name}: ${latencyMs.toFixed(1)} ms from the moment at which it was due to its answer`;
  return { title, fromUs, toUs, slices: slicesBetween(slices, fromUs, toUs) };
}
