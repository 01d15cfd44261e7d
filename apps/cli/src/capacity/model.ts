import { PARTITIONS_DEFAULT, TOPICS } from "@tripline/contracts/topics";
import type { Measured, ProcessName } from "./figures.js";

/** The requirements of an installation. */
export interface Demand {
  /** Decisions per second at the peak, which determines the number of instances. */
  readonly rate: number;
  /** Average rate divided by peak rate. It determines everything that accumulates: disks, memory, the lake. */
  readonly meanShare: number;
  readonly cards: number;
  readonly terminals: number;
  /** Retention of the lake, in days. */
  readonly retentionDays: number;
  /** Partitions per topic. Default: 24. */
  readonly partitions?: number;
  /** `LAKE_CACHE_GIB`, set only for a lake in a bucket. A lake in a folder needs no cache. */
  readonly lakeCacheGib?: number | undefined;
}

/** Sizing rules of an installation. */
export const RULES = {
  /** Share of a core that is used at the peak. The remainder absorbs bursts and the load of a failed instance. */
  utilisation: 0.6,
  instancesMin: 2,
  /** A service runs on one event loop; scoring has a second thread for the model. */
  coresPerInstance: { ingestion: 1, features: 1, decisions: 1, archive: 1, scoring: 2 },
  kafkaReplicas: 3,
  kafkaBrokersMin: 3,
  kafkaCoresPerBroker: 4,
  kafkaDiskFill: 0.7,
  kafkaDiskGbPerBrokerMax: 4_000,
  /** The remaining memory is for fragmentation, buffers and the copy that is needed while a replica joins. */
  redisMemoryFill: 0.75,
  /** Share of the one core that runs commands. */
  redisUtilisation: 0.8,
  /** Approximately the largest managed Redis node available in all three clouds. */
  redisGbMax: 400,
  idempotencyDays: 1,
  decisionDays: 3,
  /** Labels per payment; late ones cost one record each in `labels` and `applied-labels`. */
  labelShare: 0.01,
  /** Share of the lake's bytes that its largest topic, `features`, takes up, rounded up. */
  featuresOfLake: 0.6,
} as const;

export const SERVICES = ["ingestion", "features", "decisions", "scoring", "archive"] as const;
export type ServiceName = (typeof SERVICES)[number];
/** The services that consume partitions. Each instance needs at least one. */
const CONSUMERS: readonly ServiceName[] = ["features", "decisions", "archive"];

const DAY_S = 86_400;
const GB = 1e9;
const GIB = 1024 ** 3;

/** A limit of Tripline's current design. */
export interface Limit {
  readonly part: string;
  readonly what: string;
  /** The formula for the rate at which the limit is reached. */
  readonly from: string;
  /** Peak decisions per second at which the limit is reached. */
  readonly rate: number;
  readonly movedBy: string;
}

export interface Plan {
  readonly demand: Demand;
  readonly services: ReadonlyMap<ServiceName, { readonly cores: number; readonly instances: number }>;
  readonly vcpus: number;
  readonly partitions: number;
  readonly kafka: {
    readonly brokers: number;
    readonly cores: number;
    /** Megabytes written per second and replica. */
    readonly writtenMbPerS: number;
    /** Disk space for all replicas, including the free space that Kafka needs. */
    readonly diskGb: number;
  };
  readonly redis: {
    readonly memoryGb: number;
    /** The parts of this memory: window states, idempotency keys, stored decisions. */
    readonly partsGb: Readonly<Record<"states" | "requests" | "decisions", number>>;
    /** Share of the one core that runs commands. */
    readonly cpuShare: number;
  };
  readonly lakeGb: number;
  /** The limits in ascending order of their rates. */
  readonly limits: readonly Limit[];
}

type Curve = Measured["cpu"][ProcessName];

/**
 * CPU time of one instance in cores. Between measured rates it is interpolated linearly, because batches grow with the rate and
 * decisions get cheaper. Above the highest rate, the cost per decision is assumed constant, which slightly overestimates it.
 */
export function coresAt(measured: Measured, process: ProcessName, rate: number): number {
  return msAt(measured.cpu[process], rate) / MS_PER_S;
}

function msAt(curve: Curve, rate: number): number {
  let before: readonly [number, number] = [0, 0];
  for (const point of curve) {
    const [pointRate, pointMs] = point;
    if (rate <= pointRate) {
      const [fromRate, fromMs] = before;
      return fromMs + ((pointMs - fromMs) * (rate - fromRate)) / (pointRate - fromRate);
    }
    before = point;
  }
  const [highest, ms] = before;
  return (ms * rate) / highest;
}

/** The rate at which one instance uses this many cores; Infinity if no rate does. */
export function rateAt(measured: Measured, process: ProcessName, cores: number): number {
  const curve = measured.cpu[process];
  const wantedMs = cores * MS_PER_S;
  const [highest, highestMs] = curve.at(-1) ?? [0, 0];
  if (wantedMs >= highestMs) return (highest * wantedMs) / highestMs;
  let [low, high] = [0, highest];
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const middle = (low + high) / 2;
    if (msAt(curve, middle) < wantedMs) low = middle;
    else high = middle;
  }
  return low;
}

const MS_PER_S = 1_000;
/** Precision: a billionth of the highest measured rate. */
const HALVINGS = 30;

/** A pure function. */
export function planCapacity(demand: Demand, measured: Measured): Plan {
  const services = new Map(SERVICES.map((name) => [name, serviceAt(demand.rate, measured, name)] as const));
  const vcpus = SERVICES.reduce((sum, name) => {
    return sum + (services.get(name)?.instances ?? 0) * RULES.coresPerInstance[name];
  }, 0);
  const busiest = Math.max(...CONSUMERS.map((name) => services.get(name)?.instances ?? 0));
  return {
    demand,
    services,
    vcpus,
    partitions: partitionsFor(busiest, widthOf(demand)),
    kafka: kafkaFor(demand, measured),
    redis: redisFor(demand, measured),
    lakeGb: (measured.lake_bytes * meanRate(demand) * DAY_S * demand.retentionDays) / GB,
    limits: limitsOf(demand, measured),
  };
}

const meanRate = ({ rate, meanShare }: Demand): number => rate * meanShare;

function serviceAt(rate: number, measured: Measured, name: ServiceName): { cores: number; instances: number } {
  const perInstance = rateAt(measured, name, RULES.utilisation * RULES.coresPerInstance[name]);
  const instances = Math.max(RULES.instancesMin, Math.ceil(rate / perInstance));
  return { cores: instances * coresAt(measured, name, rate / instances), instances };
}

const widthOf = ({ partitions = PARTITIONS_DEFAULT }: Demand): number => partitions;

/** At least two per instance, to keep the load balanced when an instance joins or leaves; a multiple of `step`. */
function partitionsFor(instances: number, step: number): number {
  return Math.max(step, Math.ceil((2 * instances) / step) * step);
}

function kafkaFor(demand: Demand, measured: Measured): Plan["kafka"] {
  const records = Object.values(TOPICS).map((topic) => {
    const share = topic.name.includes("label") ? RULES.labelShare : topic.name in measured.kafka_bytes ? 1 : 0;
    // If labels were not measured, the size of payments is used, because labels are no larger.
    const bytes = measured.kafka_bytes[topic.name] ?? measured.kafka_bytes.transactions ?? 0;
    return { bytes: bytes * share, days: topic.retentionDays };
  });
  const written = records.reduce((sum, { bytes }) => sum + bytes, 0);
  const kept = records.reduce((sum, { bytes, days }) => sum + bytes * days * DAY_S, 0);
  const diskGb = (kept * meanRate(demand) * RULES.kafkaReplicas) / RULES.kafkaDiskFill / GB;
  // Followers fetch and append the leader's records. Each is assumed to use as much CPU as the leader.
  const cores = coresAt(measured, "kafka", demand.rate) * RULES.kafkaReplicas;
  const brokers = Math.max(
    RULES.kafkaBrokersMin,
    Math.ceil(cores / RULES.utilisation / RULES.kafkaCoresPerBroker),
    Math.ceil(diskGb / RULES.kafkaDiskGbPerBrokerMax),
  );
  return { brokers, cores, writtenMbPerS: (written * demand.rate) / 1e6, diskGb };
}

function redisFor(demand: Demand, measured: Measured): Plan["redis"] {
  const size = (kind: string): number => measured.redis_bytes[kind] ?? 0;
  const states = Object.entries(measured.redis_states).reduce((sum, [kind, perOne]) => {
    return sum + size(kind) * perOne * (isOfTerminal(kind) ? demand.terminals : demand.cards);
  }, 0);
  const perDay = meanRate(demand) * DAY_S;
  const partsGb = {
    states: states / RULES.redisMemoryFill / GB,
    requests: (perDay * RULES.idempotencyDays * size("idem")) / RULES.redisMemoryFill / GB,
    decisions: (perDay * RULES.decisionDays * size("decision")) / RULES.redisMemoryFill / GB,
  };
  const memoryGb = partsGb.states + partsGb.requests + partsGb.decisions;
  return { memoryGb, partsGb, cpuShare: coresAt(measured, "valkey", demand.rate) };
}

/** Whether an entity's states are counted per terminal instead of per card. */
export const isOfTerminal = (entity: string): boolean => entity.startsWith("terminal");

/** The limits of growth today, each with its rate, for the given cards and terminals. */
function limitsOf(demand: Demand, measured: Measured): Limit[] {
  const { partsGb } = redisFor(demand, measured);
  const gbPerRate = (partsGb.requests + partsGb.decisions) / demand.rate;
  const width = widthOf(demand);
  const byPartitions = (name: ServiceName): Limit => ({
    part: name,
    what: `one instance for each of ${width} partitions`,
    from: `${width} instances that each use ${RULES.utilisation} of a core`,
    rate: width * rateAt(measured, name, RULES.utilisation * RULES.coresPerInstance[name]),
    movedBy:
      "more partitions (`kafka.partitions` of the chart), before the first payment: the number determines each card's partition",
  });
  return [
    ...lakeLimit(demand, measured),
    {
      part: "Redis",
      what: `memory of one Redis with ${RULES.redisGbMax} GB`,
      from: "bytes of window states, and of requests and decisions at the average rate",
      rate: Math.max(0, (RULES.redisGbMax - partsGb.states) / gbPerRate),
      movedBy:
        "mainly DECISION_TTL_HOURS and IDEMPOTENCY_TTL_HOURS; then sharding, which Tripline does not support yet",
    },
    {
      part: "Redis",
      what: "the single core that runs Redis commands",
      from: `${RULES.redisUtilisation} of that core`,
      rate: rateAt(measured, "valkey", RULES.redisUtilisation),
      movedBy: "I/O threads of Valkey 8 or newer; then sharding, which Tripline does not support yet",
    },
    ...CONSUMERS.map(byPartitions),
  ].sort((left, right) => left.rate - right.rate);
}

/** The cache holds a bucket's files while training, drift, backtests and comparisons read one day at a time. */
function lakeLimit({ lakeCacheGib, meanShare }: Demand, measured: Measured): Limit[] {
  if (lakeCacheGib === undefined) return [];
  return [
    {
      part: "reading the lake",
      what: `one day of a topic in a bucket, with LAKE_CACHE_GIB=${lakeCacheGib}`,
      from: `${RULES.featuresOfLake} of the lake's bytes, for the largest topic, at the average rate`,
      rate: (lakeCacheGib * GIB) / (RULES.featuresOfLake * measured.lake_bytes * meanShare * DAY_S),
      movedBy: "LAKE_CACHE_GIB and twice that much disk, or a lake in a folder",
    },
  ];
}

/** The limits that the plan exceeds, lowest first. */
export function reachedLimits({ demand, limits }: Plan): readonly Limit[] {
  return limits.filter(({ rate }) => rate < demand.rate);
}
