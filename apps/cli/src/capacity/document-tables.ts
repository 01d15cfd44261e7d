import type { Measured } from "./figures.js";
import { measuredSchema, PROCESSES } from "./figures.js";
import committed from "./measured.json" with { type: "json" };
import type { Demand, Plan } from "./model.js";
import { planCapacity, SERVICES } from "./model.js";
import { CLOUDS, costOf } from "./prices.js";
import { CLOUD_NAMES, count, gb } from "./table.js";

const RATES = [1_000, 10_000, 100_000, 1_000_000] as const;
/** Each card pays about four times a day, a terminal forty times. */
const CARDS_PER_RATE = 10_000;
const TERMINALS_PER_RATE = 1_000;

const demandAt = (rate: number): Demand => ({
  ...{ rate, meanShare: 0.5, retentionDays: 365 },
  ...{ cards: rate * CARDS_PER_RATE, terminals: rate * TERMINALS_PER_RATE },
});

type Cell = string | number;
type Table = (head: readonly Cell[], rows: readonly (readonly Cell[])[]) => string;

/** The tables of docs/capacity.md, by the name of their place. */
export function capacityTables(table: Table): Record<"measured" | "plans" | "costs" | "limits", string> {
  const measured = measuredSchema.parse(committed);
  const plans = RATES.map((rate) => planCapacity(demandAt(rate), measured));
  const rates = RATES.map((rate) => `${count(rate)} a second`);
  return {
    measured: measuredTables(measured, table),
    plans: table(["", ...rates], planRows(plans)),
    costs: table(
      ["US dollars", ...rates],
      CLOUDS.flatMap((cloud) => {
        const costs = plans.map((plan) => costOf(plan, cloud));
        return [
          [`${CLOUD_NAMES[cloud]}, a month`, ...costs.map(({ month }) => count(month))],
          [`${CLOUD_NAMES[cloud]}, a million decisions`, ...costs.map(({ perMillion }) => perMillion.toFixed(2))],
        ];
      }),
    ),
    limits: table(
      ["limit", "reached at", "moved by"],
      (plans[0]?.limits ?? []).map(({ what, rate, movedBy }) => [what, `${count(rate)} a second`, movedBy]),
    ),
  };
}

function planRows(plans: readonly Plan[]): Cell[][] {
  const row = (name: string, cell: (plan: Plan) => Cell): Cell[] => [name, ...plans.map(cell)];
  return [
    row("cards, terminals", ({ demand }) => `${count(demand.cards)}, ${count(demand.terminals)}`),
    ...SERVICES.map((name) => row(`instances of ${name}`, ({ services }) => count(services.get(name)?.instances ?? 0))),
    row("cores that they are given", ({ vcpus }) => count(vcpus)),
    row("partitions of a topic", ({ partitions }) => count(partitions)),
    row("Kafka: brokers", ({ kafka }) => count(kafka.brokers)),
    row("Kafka: written before replication", ({ kafka }) => `${count(kafka.writtenMbPerS)} MB/s`),
    row("Kafka: disks", ({ kafka }) => gb(kafka.diskGb)),
    row("Redis: memory", ({ redis }) => gb(redis.memoryGb)),
    row("Redis: of it window states", ({ redis }) => gb(redis.partsGb.states)),
    row("Redis: share of its one core", ({ redis }) => `${count(100 * redis.cpuShare)} %`),
    row("lake of a year", ({ lakeGb }) => gb(lakeGb)),
    row("limits reached", ({ demand, limits }) => limits.filter(({ rate }) => rate < demand.rate).length),
  ];
}

function measuredTables(
  { cpu, kafka_bytes, redis_bytes, lake_bytes, machine, ...rest }: Measured,
  table: Table,
): string {
  const cost = (rate: number, ms: number): string => count((1_000 * ms) / rate);
  const costs = PROCESSES.map((process) => {
    const curve = new Map(cpu[process]);
    return [process, ...rest.rates.map((rate) => (curve.has(rate) ? cost(rate, curve.get(rate) ?? 0) : ""))];
  });
  const bytes = (kinds: Readonly<Record<string, number>>, names: readonly string[]) =>
    names.flatMap((name) => (kinds[name] === undefined ? [] : [`${name} ${count(kinds[name])}`])).join(", ");
  const state = ["card", "terminal", "device", "ip", "idem", "decision"];
  return [
    `${rest.measured_at.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, load average ${machine.loadAverage.toFixed(0)} before the run.`,
    "",
    table(["µs of CPU per decision", ...rest.rates.map((rate) => `${count(rate)} a second`)], costs),
    "",
    table(
      ["bytes", ""],
      [
        ["of a record in Kafka, one replica", bytes(kafka_bytes, ["transactions", "features", "decisions"])],
        ["of a key in Redis", bytes(redis_bytes, state)],
        ["of a payment in the lake", count(lake_bytes)],
      ],
    ),
  ].join("\n");
}
