/**
 * The scenarios: the load over time, and the kinds of requests. Both Node and k6 load this file, so it imports nothing
 * and depends on neither.
 */

/** The action of one iteration. `batch` sends many payments, all other kinds send one. */
export type Kind = "sync" | "async" | "batch" | "label" | "retry" | "bad";

/** The share of each kind in the iterations, in percent. */
export type Mix = Readonly<Partial<Record<Kind, number>>>;

/** A period in which the rate changes linearly from one value to another. */
export interface Stage {
  /** The phase: stages with the same phase are measured together. */
  readonly phase: string;
  readonly seconds: number;
  /** Rate at the start, in payments per second. */
  readonly fromRate: number;
  readonly toRate: number;
  /** Whether limits apply. The ledger counts all payments in any case. */
  readonly isLimited: boolean;
}

/** Parameters of a scenario that users may change. */
export interface Load {
  /** Payments per second. For a ramp, the highest rate; for a spike, the rate outside the spike. */
  readonly rate: number;
  /** Duration without the warm-up. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

export interface Scenario {
  readonly description: string;
  readonly defaults: Load;
  readonly mix: Mix;
  readonly p99Ms: number;
  stages(load: Load): Stage[];
}

/** 90 % wait for the decision; 2 % are sent twice, and 1 % are invalid. */
const USUAL: Mix = { sync: 82, async: 10, label: 5, retry: 2, bad: 1 };
const EVERY_KIND: Mix = { sync: 30, async: 20, batch: 10, label: 20, retry: 10, bad: 10 };

const RAMP_STEPS = 10;
/** Share of a ramp's step during which the rate rises. The remainder of the step is measured. */
const RAMP_CLIMB_SHARE = 0.2;
const SPIKE_FACTOR = 10;
const SPIKE_CLIMB_SECONDS = 1;
/** Time to clear the spike's backlog before limits apply again. */
const SPIKE_RECOVERY_SECONDS = 5;
const SOAK_END_SHARE = 0.1;

const WARM_UP_SECONDS = 5;
const P99_MS = 250;

const minute: Load = { rate: 200, seconds: 60, warmUpSeconds: WARM_UP_SECONDS };

export const SCENARIOS = {
  smoke: {
    description: "a short check with every kind of request",
    defaults: { rate: 10, seconds: 10, warmUpSeconds: 0 },
    mix: EVERY_KIND,
    p99Ms: 2_000,
    stages: steadily,
  },
  steady: {
    description: "a constant rate of the standard mix: 2 % sent twice, 1 % invalid",
    defaults: minute,
    mix: USUAL,
    p99Ms: P99_MS,
    stages: steadily,
  },
  ramp: {
    description: "ten steps up to the rate, to find the last one within the limits",
    defaults: { rate: 1_000, seconds: 100, warmUpSeconds: WARM_UP_SECONDS },
    mix: { sync: 100 },
    p99Ms: P99_MS,
    stages: inSteps,
  },
  spike: {
    description: "ten times the rate for a third of the time; the limits apply before and after it",
    defaults: { rate: 50, seconds: 60, warmUpSeconds: WARM_UP_SECONDS },
    mix: USUAL,
    p99Ms: P99_MS,
    stages: withSpike,
  },
  soak: {
    description: "a constant rate for a long time; compares the last tenth with the first",
    defaults: { rate: 100, seconds: 3_600, warmUpSeconds: WARM_UP_SECONDS },
    mix: USUAL,
    p99Ms: P99_MS,
    stages: forLong,
  },
  sync: {
    description: "payments that wait for their decision (Prefer: wait)",
    defaults: minute,
    mix: { sync: 100 },
    p99Ms: P99_MS,
    stages: steadily,
  },
  async: {
    description: "payments whose decision is fetched afterwards",
    defaults: minute,
    mix: { async: 100 },
    p99Ms: P99_MS,
    stages: steadily,
  },
  batch: {
    description: "payments as lines of NDJSON, many per request",
    defaults: { ...minute, rate: 1_000 },
    mix: { batch: 100 },
    p99Ms: 1_000,
    stages: steadily,
  },
  labels: {
    description: "payments and, once decided, their labels",
    defaults: { ...minute, rate: 100 },
    mix: { label: 100 },
    p99Ms: P99_MS,
    stages: steadily,
  },
  mix: {
    description: "every kind of request at the same time, a tenth of them batches; the rate counts requests",
    defaults: { ...minute, rate: 50 },
    mix: EVERY_KIND,
    p99Ms: 1_000,
    stages: steadily,
  },
} satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

export function isScenario(name: string): name is ScenarioName {
  return Object.keys(SCENARIOS).includes(name);
}

/** A slow start for cold services, without limits. */
function warmUp({ warmUpSeconds }: Load, toRate: number): Stage[] {
  if (warmUpSeconds === 0) return [];
  return [{ phase: "warm-up", seconds: warmUpSeconds, fromRate: 0, toRate, isLimited: false }];
}

function hold(phase: string, seconds: number, rate: number, isLimited = true): Stage {
  return { phase, seconds, fromRate: rate, toRate: rate, isLimited };
}

function steadily(load: Load): Stage[] {
  return [...warmUp(load, load.rate), hold("steady", load.seconds, load.rate)];
}

function inSteps(load: Load): Stage[] {
  const seconds = load.seconds / RAMP_STEPS;
  const climb = seconds * RAMP_CLIMB_SHARE;
  const stages: Stage[] = [];
  let fromRate = 0;
  for (let step = 1; step <= RAMP_STEPS; step += 1) {
    const toRate = Math.round((load.rate * step) / RAMP_STEPS);
    if (step === 1) stages.push(...warmUp(load, toRate));
    else stages.push({ phase: "climb", seconds: climb, fromRate, toRate, isLimited: false });
    stages.push(hold(`${toRate}/s`, step === 1 ? seconds : seconds - climb, toRate, false));
    fromRate = toRate;
  }
  return stages;
}

function withSpike(load: Load): Stage[] {
  const { rate } = load;
  const third = load.seconds / 3;
  const high = rate * SPIKE_FACTOR;
  const climb = Math.min(SPIKE_CLIMB_SECONDS, third / 4);
  const recovery = Math.min(SPIKE_RECOVERY_SECONDS, third / 2);
  return [
    ...warmUp(load, rate),
    hold("before", third, rate),
    { phase: "spike", seconds: climb, fromRate: rate, toRate: high, isLimited: false },
    hold("spike", third - 2 * climb, high, false),
    { phase: "spike", seconds: climb, fromRate: high, toRate: rate, isLimited: false },
    hold("recovery", recovery, rate, false),
    hold("after", third - recovery, rate),
  ];
}

function forLong(load: Load): Stage[] {
  const end = load.seconds * SOAK_END_SHARE;
  return [
    ...warmUp(load, load.rate),
    hold("first tenth", end, load.rate),
    hold("between", load.seconds - 2 * end, load.rate),
    hold("last tenth", end, load.rate),
  ];
}

/** Payments that one iteration adds to the rate: the size of a batch if only batches are sent, otherwise one. */
export function paymentsPerIteration(mix: Mix, lines: number): number {
  return mix.batch === 100 ? lines : 1;
}

/** Distance between the payment numbers of two iterations. */
export function numbersPerIteration(mix: Mix, lines: number): number {
  return mix.batch === undefined ? 1 : lines;
}

const PERCENT = 100;
/** Coprime to 100, so that every hundred iterations have exactly these percentages. */
const STRIDE = 61;

/** The kind of an iteration: evenly mixed, and the same in every run. */
export function kindOf(mix: Mix, iteration: number): Kind {
  let place = (iteration * STRIDE) % PERCENT;
  for (const [kind, share] of Object.entries(mix)) {
    if (place < share) return kind as Kind;
    place -= share;
  }
  return "sync";
}

/** Number of payments that are due in these stages. */
export function paymentsIn(stages: readonly Stage[]): number {
  return stages.reduce((sum, { seconds, fromRate, toRate }) => sum + (seconds * (fromRate + toRate)) / 2, 0);
}

export function secondsOf(stages: readonly Stage[]): number {
  return stages.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** The stages up to the end of the run. */
export function cutStages(stages: readonly Stage[], endSeconds: number): Stage[] {
  const cut: Stage[] = [];
  let leftSeconds = endSeconds;
  for (const stage of stages) {
    if (leftSeconds <= 0) break;
    const seconds = Math.min(stage.seconds, leftSeconds);
    const toRate = stage.fromRate + ((stage.toRate - stage.fromRate) * seconds) / stage.seconds;
    cut.push({ ...stage, seconds, toRate });
    leftSeconds -= stage.seconds;
  }
  return cut;
}

/**
 * The time at which the payment with this number is due, in ms from the start; Infinity if the stages have fewer
 * payments.
 */
export function dueMs(stages: readonly Stage[], payments: number): number {
  let left = payments;
  let startSeconds = 0;
  for (const stage of stages) {
    const { seconds, fromRate, toRate } = stage;
    const held = paymentsIn([stage]);
    if (left <= held && held > 0) return (startSeconds + secondsUntil(left, seconds, fromRate, toRate)) * 1_000;
    left -= held;
    startSeconds += seconds;
  }
  return Number.POSITIVE_INFINITY;
}

/** Seconds until the integral of a linearly changing rate reaches `payments`. */
function secondsUntil(payments: number, seconds: number, fromRate: number, toRate: number): number {
  if (fromRate === toRate) return payments / fromRate;
  const slope = (toRate - fromRate) / seconds;
  return (Math.sqrt(Math.max(0, fromRate * fromRate + 2 * slope * payments)) - fromRate) / slope;
}

/** Number of payments that are due at a time, with fractions. */
export function paymentsUntil(stages: readonly Stage[], elapsedMs: number): number {
  let payments = 0;
  let leftSeconds = elapsedMs / 1_000;
  for (const { seconds, fromRate, toRate } of stages) {
    const part = Math.min(seconds, leftSeconds);
    if (part <= 0) break;
    payments += part * fromRate + ((toRate - fromRate) * part * part) / (2 * seconds);
    leftSeconds -= seconds;
  }
  return payments;
}

/** Payments per second at a time; 0 after the end. */
export function rateAt(stages: readonly Stage[], elapsedMs: number): number {
  let leftSeconds = elapsedMs / 1_000;
  for (const { seconds, fromRate, toRate } of stages) {
    if (leftSeconds < seconds) return fromRate + ((toRate - fromRate) * leftSeconds) / seconds;
    leftSeconds -= seconds;
  }
  return 0;
}

/** The stage at a time; the last one after the end. */
export function stageAt(stages: readonly Stage[], elapsedMs: number): Stage | undefined {
  let endMs = 0;
  for (const stage of stages) {
    endMs += stage.seconds * 1_000;
    if (elapsedMs < endMs) return stage;
  }
  return stages.at(-1);
}

export function highestRate(stages: readonly Stage[]): number {
  return Math.max(...stages.map(({ fromRate, toRate }) => Math.max(fromRate, toRate)));
}
