/** A stretch of time in which a thread ran, or could have run and waited for a processor. */
export interface Slice {
  /** Of the picture: a process. */
  readonly lane: string;
  readonly state: "ran" | "waited";
  /** Microseconds on the clock of `process.hrtime`. */
  readonly fromUs: number;
  readonly toUs: number;
  /** Whether the thread slept before, and something woke it. */
  readonly isWake: boolean;
}

interface Now {
  readonly state: Slice["state"];
  readonly sinceUs: number;
  readonly isWake: boolean;
}

const LINE = /^\s*\d+\s+([\d.]+):\s+sched:(\w+):\s+(.*)$/;
const SWITCH = /prev_pid=(\d+) .*prev_state=(\S+) ==> .*next_pid=(\d+)/;
const WOKEN = /\bpid=(\d+)/;
const US_PER_S = 1e6;

/**
 * What `perf script` says of the scheduler, as slices in order of their ends.
 *
 * @param laneOf undefined for threads that are left out
 */
export async function readSchedule(
  lines: AsyncIterable<string> | Iterable<string>,
  laneOf: (thread: number) => string | undefined,
): Promise<Slice[]> {
  const slices: Slice[] = [];
  const now = new Map<number, Now>();
  const end = (thread: number, toUs: number): Now | undefined => {
    const before = now.get(thread);
    const lane = laneOf(thread);
    now.delete(thread);
    if (before === undefined || lane === undefined) return before;
    const { state, sinceUs: fromUs, isWake } = before;
    slices.push({ lane, state, fromUs, toUs, isWake: state === "ran" && isWake });
    return before;
  };
  for await (const line of lines) {
    const [, seconds, event, detail = ""] = LINE.exec(line) ?? [];
    const atUs = Number(seconds) * US_PER_S;
    if (event === "sched_switch") {
      const [, previous, state = "", next] = SWITCH.exec(detail) ?? [];
      end(Number(previous), atUs);
      // It was put aside though it could have gone on.
      if (state.startsWith("R")) now.set(Number(previous), { state: "waited", sinceUs: atUs, isWake: false });
      const waited = end(Number(next), atUs);
      now.set(Number(next), { state: "ran", sinceUs: atUs, isWake: waited?.isWake ?? false });
    } else if (event !== undefined) {
      const thread = Number(WOKEN.exec(detail)?.[1]);
      if (!now.has(thread)) now.set(thread, { state: "waited", sinceUs: atUs, isWake: true });
    }
  }
  return slices;
}

/** What a process did between two moments. */
export interface LaneTotals {
  readonly wakes: number;
  readonly ranUs: number;
  readonly waitedUs: number;
}

/** Slices between two moments, cut at both. */
export function slicesBetween(slices: readonly Slice[], fromUs: number, toUs: number): Slice[] {
  return slices
    .filter((slice) => slice.toUs > fromUs && slice.fromUs < toUs)
    .map((slice) => ({
      ...slice,
      isWake: slice.isWake && slice.fromUs >= fromUs,
      fromUs: Math.max(fromUs, slice.fromUs),
      toUs: Math.min(toUs, slice.toUs),
    }));
}

export function totalsOf(slices: readonly Slice[], lane: string): LaneTotals {
  const own = slices.filter((slice) => slice.lane === lane);
  const sum = (state: Slice["state"]) =>
    own.reduce((total, slice) => total + (slice.state === state ? slice.toUs - slice.fromUs : 0), 0);
  return { wakes: own.filter(({ isWake }) => isWake).length, ranUs: sum("ran"), waitedUs: sum("waited") };
}
