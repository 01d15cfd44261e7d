import { TOPICS } from "@tripline/contracts/topics";
import { CACHE_GIB_DEFAULT } from "@tripline/lake/log/open-disk";
import type { Measured, Source } from "./figures.js";
import { measuredSchema, PROCESSES } from "./figures.js";
import committed from "./measured.json" with { type: "json" };
import type { Demand, Plan } from "./model.js";
import { isOfTerminal, planCapacity, reachedLimits, SERVICES } from "./model.js";
import { CLOUDS, costOf } from "./prices.js";
import { CLOUD_NAMES, count, gb, sourceText } from "./table.js";

const RATES = [1_000, 10_000, 100_000, 1_000_000] as const;
/** Each card makes about four payments per day, and each terminal takes about forty. */
const CARDS_PER_RATE = 10_000;
const TERMINALS_PER_RATE = 1_000;

const demandAt = (rate: number): Demand => ({
  rate,
  meanShare: 0.5,
  retentionDays: 365,
  cards: rate * CARDS_PER_RATE,
  terminals: rate * TERMINALS_PER_RATE,
});

type Cell = string | number;
type Table = (head: readonly Cell[], rows: readonly (readonly Cell[])[]) => string;

/** The tables of docs/capacity.md, by placeholder. */
export function capacityTables(table: Table): Record<"measured" | "plans" | "costs" | "limits", string> {
  const measured = measuredSchema.parse(committed);
  const plans = RATES.map((rate) => planCapacity(demandAt(rate), measured));
  const year = demandAt(RATES[0]);
  const inBucket = { ...year, lakeCacheGib: CACHE_GIB_DEFAULT };
  const rates = RATES.map((rate) => `${count(rate)} per second`);
  return {
    measured: measuredTables(measured, table),
    plans: table(["", ...rates], planRows(plans)),
    costs: table(
      ["US dollars", ...rates],
      CLOUDS.flatMap((cloud) => {
        const costs = plans.map((plan) => costOf(plan, cloud));
        return [
          [`${CLOUD_NAMES[cloud]}, per month`, ...costs.map(({ month }) => count(month))],
          [`${CLOUD_NAMES[cloud]}, per million decisions`, ...costs.map(({ perMillion }) => perMillion.toFixed(2))],
        ];
      }),
    ),
    limits: table(
      ["part", "limit", "reached at", "calculated from", "what to do"],
      planCapacity(inBucket, measured).limits.map(({ part, what, rate, from, movedBy }) => [
        part,
        what,
        `${count(rate)} per second`,
        from,
        movedBy,
      ]),
    ),
  };
}

function planRows(plans: readonly Plan[]): Cell[][] {
  const row = (name: string, cell: (plan: Plan) => Cell): Cell[] => [name, ...plans.map(cell)];
  return [
    row("cards, terminals", ({ demand }) => `${count(demand.cards)}, ${count(demand.terminals)}`),
    ...SERVICES.map((name) => row(`instances of ${name}`, ({ services }) => count(services.get(name)?.instances ?? 0))),
    row("cores requested", ({ vcpus }) => count(vcpus)),
    row("partitions per topic", ({ partitions }) => count(partitions)),
    row("Kafka: brokers", ({ kafka }) => count(kafka.brokers)),
    row("Kafka: written before replication", ({ kafka }) => `${count(kafka.writtenMbPerS)} MB/s`),
    row("Kafka: disks", ({ kafka }) => gb(kafka.diskGb)),
    row("Redis: memory", ({ redis }) => gb(redis.memoryGb)),
    row("Redis: window states", ({ redis }) => gb(redis.partsGb.states)),
    row("Redis: share of its one core", ({ redis }) => `${count(100 * redis.cpuShare)} %`),
    row("lake after a year", ({ lakeGb }) => gb(lakeGb)),
    row("limits reached", (plan) => reachedLimits(plan).length),
  ];
}

function measuredTables(
  { cpu, kafka_bytes, redis_bytes, redis_states, lake_bytes, machine, sources, rates }: Measured,
  table: Table,
): string {
  const from = { cpu: sourceOf(sources.cpu), archive: sourceOf(sources.archive), bytes: sourceOf(sources.bytes) };
  const cost = (rate: number, ms: number): string => count((1_000 * ms) / rate);
  const costs = PROCESSES.map((process) => {
    const curve = new Map(cpu[process]);
    const cells = rates.map((rate) => (curve.has(rate) ? cost(rate, curve.get(rate) ?? 0) : ""));
    return [process, ...cells, process === "archive" ? from.archive : from.cpu];
  });
  const topics = Object.values(TOPICS).filter(({ name }) => kafka_bytes[name] !== undefined);
  const named = (found: Readonly<Record<string, number>>, name: string) => count(found[name] ?? 0);
  const states = Object.keys(redis_states).map((kind): Cell[] => {
    const of = isOfTerminal(kind) ? "terminal" : "card";
    const what = `a window state in Redis (\`state:${kind}:…\`), ${redis_states[kind]?.toFixed(2)} for each ${of}`;
    return [what, named(redis_bytes, kind), from.bytes];
  });
  return [
    `${machine.cores} cores of ${machine.cpu}.`,
    "",
    table(["µs of CPU per decision", ...rates.map((rate) => `${count(rate)} per second`), "measured by"], costs),
    "",
    table(
      ["", "bytes", "measured by"],
      [
        ...topics.map(({ name }): Cell[] => [
          `a record of \`${name}\` in Kafka, one replica`,
          named(kafka_bytes, name),
          from.bytes,
        ]),
        ["a request in Redis (`idem:…`)", named(redis_bytes, "idem"), from.bytes],
        ["a decision in Redis (`decision:…`)", named(redis_bytes, "decision"), from.bytes],
        ...states,
        ["a payment in the lake, all topics together", count(lake_bytes), from.bytes],
      ],
    ),
  ].join("\n");
}

const sourceOf = (source: Source): string => {
  const [command, ...rest] = sourceText(source).split(", ");
  return [`\`${command}\``, ...rest].join(", ");
};
