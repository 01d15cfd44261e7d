import type { Comparison } from "./check.js";
import { errorOf, isWithin } from "./check.js";
import type { Measured, Source } from "./figures.js";
import type { Plan } from "./model.js";
import { reachedLimits, SERVICES } from "./model.js";
import type { Cloud, CostItem, Term } from "./prices.js";
import { CLOUDS, coreHourOf, costOf, PRICES_OF, termsOf } from "./prices.js";

export const CLOUD_NAMES: Readonly<Record<Cloud, string>> = { aws: "AWS", gcp: "Google Cloud", azure: "Azure" };
/** Above this multiple of the highest measured rate, the extrapolation is a guess. */
const EXTENSION_MAX = 10;

/** A plan as text. */
export function planLines(plan: Plan, measured: Measured): string[] {
  const { demand, kafka, redis } = plan;
  const mean = demand.rate * demand.meanShare;
  return [
    `${count(demand.rate)} decisions per second at the peak, ${count(mean)} on average; ${count(demand.cards)} cards, ${count(demand.terminals)} terminals; lake retention ${demand.retentionDays} days`,
    "",
    ...SERVICES.map((name) => {
      const { cores = 0, instances = 0 } = plan.services.get(name) ?? {};
      return `  ${name.padEnd(12)} ${count(instances)} instances, ${cores.toFixed(2)} cores of work`;
    }),
    `  partitions   ${plan.partitions}`,
    `  Kafka        ${kafka.brokers} brokers, ${kafka.cores.toFixed(2)} cores of work, ${kafka.writtenMbPerS.toFixed(1)} MB/s before replication, ${gb(kafka.diskGb)} of disks`,
    `  Redis        ${gb(redis.memoryGb)} (window states ${gb(redis.partsGb.states)}, one day of requests ${gb(redis.partsGb.requests)}, three days of decisions ${gb(redis.partsGb.decisions)}), ${(100 * redis.cpuShare).toFixed(0)} % of its one core`,
    `  lake         ${gb(plan.lakeGb)}`,
    "",
    "  current limits, lowest first:",
    ...plan.limits.map(({ part, what, rate, movedBy }) => {
      const reached = rate < demand.rate ? "REACHED at" : "reached at";
      return `    ${reached} ${count(rate)} per second: ${part}, ${what}. To raise it: ${movedBy}.`;
    }),
    "",
    "  US dollars per month        fixed   services      Kafka      Redis       lake   together   per million decisions",
    ...CLOUDS.map((cloud) => costLine(plan, cloud)),
    "",
    ...handLines(plan, CLOUDS[0]),
    "",
    ...remarks(plan, measured),
  ];
}

function costLine(plan: Plan, cloud: Cloud): string {
  const { items, month, perMillion } = costOf(plan, cloud);
  const cells = [items.fixed, items.services, items.kafka, items.redis, items.lake, month];
  const dollars = cells.map((value) => Math.round(value).toLocaleString("en-US").padStart(10)).join(" ");
  return `  ${CLOUD_NAMES[cloud].padEnd(20)} ${dollars}   ${perMillion.toFixed(2).padStart(8)}`;
}

/** The cost of a million decisions with every factor, to check it with a pocket calculator. */
function handLines(plan: Plan, cloud: Cloud): string[] {
  const { items, millions, perMillion } = costOf(plan, cloud);
  const rows = (Object.entries(termsOf(plan, cloud)) as [CostItem, readonly Term[]][]).map(([item, terms]) => {
    const product = terms.map(termText).join(" + ");
    return `    ${item.padEnd(10)} ${(items[item] / millions).toFixed(3).padStart(7)}   ${product}, / ${count(millions)}`;
  });
  const cores = [...plan.services.values()].reduce((sum, { cores: one }) => sum + one, 0) + plan.kafka.cores;
  const coreHours = (cores / plan.demand.rate) * (1e6 / 3_600);
  const bare = coreHours * coreHourOf(cloud);
  return [
    `  A million decisions in detail, ${CLOUD_NAMES[cloud]}; ${count(millions)} million per month:`,
    ...rows,
    `    together   ${perMillion.toFixed(3).padStart(7)}   of which CPU alone, if every core were full: ${coreHours.toFixed(2)} core hours of services and Kafka, $${bare.toFixed(3)}`,
  ];
}

function termText({ amount, unit, price, per, hours }: Term): string {
  const time = hours === undefined ? "" : ` × ${hours} h`;
  return `${count(amount)} ${unit} × $${price} ${per}${time}`;
}

/** The reasons why the plan is rejected; empty if it is within all limits. */
export function refusalLines(plan: Plan): string[] {
  return reachedLimits(plan).map(({ part, what, rate, movedBy }) => {
    return (
      `capacity: refused: ${count(plan.demand.rate)} per second exceeds the limit of ${part}, ${what}, which is reached at ` +
      `${count(rate)} per second. To raise the limit: ${movedBy}.`
    );
  });
}

function remarks({ demand }: Plan, measured: Measured): string[] {
  const { machine, rates, sources } = measured;
  const highest = Math.max(...rates);
  return [
    `  CPU: ${sourceText(sources.cpu)}, on ${machine.cores} cores of ${machine.cpu}, at up to ${count(highest)} decisions per second. Bytes: ${sourceText(sources.bytes)}.`,
    `  Prices: ${PRICES_OF}. This is an estimate. Check it with your cloud's price calculator.`,
    ...(demand.rate > EXTENSION_MAX * highest
      ? [`  ${count(demand.rate)} per second is far above the measured rates. Treat these figures as a rough estimate.`]
      : []),
  ];
}

/** The source of a figure. */
export function sourceText({ command, measured_at: at, load_average: load }: Source): string {
  return `${command}, ${at.slice(0, 10)}, load average ${load.toFixed(0)}`;
}

/** Predictions compared with measurements. Those that must be within the tolerance are marked if they are not. */
export function checkLines(compared: readonly Comparison[]): string[] {
  const head = `  ${"".padEnd(44)} ${"predicted".padStart(12)} ${"measured".padStart(12)} ${"off by".padStart(8)}`;
  return [
    head,
    ...compared.map((one) => {
      const off = `${(100 * errorOf(one)).toFixed(0)} %`;
      const figures = [one.predicted, one.measured].map((value) => value.toFixed(1).padStart(12)).join(" ");
      const mark = one.counts ? (isWithin(one) ? "" : "  TOO FAR") : "  (part)";
      return `  ${one.what.padEnd(44)} ${figures} ${off.padStart(8)} ${one.unit}${mark}`;
    }),
  ];
}

/** At most three significant digits. */
export function count(value: number): string {
  const digits = value >= 1_000 ? Number(value.toPrecision(3)) : Number(value.toFixed(1));
  return digits.toLocaleString("en-US");
}

/** Formats gigabytes. */
export function gb(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} PB`;
  return value >= 1_000 ? `${(value / 1_000).toFixed(1)} TB` : `${value.toFixed(1)} GB`;
}
