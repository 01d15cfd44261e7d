import { readFile } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";

/** The processes that use CPU for decisions. Archive works asynchronously and may lag. */
export const PROCESSES = ["ingestion", "features", "decisions", "scoring", "archive", "kafka", "valkey"] as const;
export type ProcessName = (typeof PROCESSES)[number];
/** The processes that are measured at several loads. */
const LOADED: readonly ProcessName[] = PROCESSES.filter((name) => name !== "archive");

/** Pairs of decisions per second and milliseconds of CPU time per second, in ascending order. */
const curve = z.array(z.tuple([z.number().positive(), z.number().nonnegative()])).min(1);
const bytes = z.record(z.string(), z.number().positive());

/** The command that measured a figure, when it ran, and the machine's load at that time. */
const source = z.object({ command: z.string(), measured_at: z.string(), load_average: z.number() });
export type Source = z.infer<typeof source>;

/** The measured cost of one decision. */
export const measuredSchema = z.object({
  format: z.literal("tripline-capacity"),
  sources: z.object({ cpu: source, archive: source, bytes: source }),
  machine: z.object({ cpu: z.string(), cores: z.number() }),
  /** Decisions per second at which CPU was measured. CPU is interpolated between these rates and extrapolated above. */
  rates: z.array(z.number().positive()).min(2),
  cpu: z.record(z.enum(PROCESSES), curve),
  /** Bytes on disk per record on one replica, by topic. */
  kafka_bytes: bytes,
  /** Bytes in Redis per key with its value: `idem`, `decision`, and window states by entity (`card`, `device`). */
  redis_bytes: bytes,
  /** Window states by entity: per card, or per terminal for terminals and parts of terminals. */
  redis_states: bytes,
  /** Bytes of the archive's files per payment. */
  lake_bytes: z.number().positive(),
});
export type Measured = z.infer<typeof measuredSchema>;

const spread = z.object({ median: z.number() });
/** The relevant part of a benchmark's result file. */
const resultSchema = z.object({
  name: z.literal("capacity"),
  date: z.string(),
  machine: z.object({ cpu: z.string(), cores: z.number(), loadAverage: z.number() }),
  parts: z
    .array(
      z.object({
        name: z.string(),
        contestants: z.array(z.object({ name: z.string(), figures: z.record(z.string(), spread) })),
        summary: z.record(z.string(), spread),
      }),
    )
    .length(1),
});
/** The part of the benchmark that measures storage but not CPU time, so it works on a busy machine. */
const BYTES_PART = "bytes";
export type CapacityResult = z.infer<typeof resultSchema>;

/** A steady load and its measurements. */
export interface MeasuredLoad {
  readonly name: string;
  readonly rate: number;
  /** Milliseconds of CPU time per second, by process. */
  readonly cpuMsPerS: ReadonlyMap<ProcessName, number>;
}

/** @throws TriplineError `config-invalid` if the file is missing or invalid */
export async function readCapacityResult(path: string): Promise<CapacityResult> {
  return readJson(path, resultSchema, "the result of `npm run bench -- capacity`");
}

/** @throws TriplineError `config-invalid` */
export async function readMeasured(path: string): Promise<Measured> {
  return readJson(path, measuredSchema, "the output of `tripline capacity --learn`");
}

async function readJson<S extends z.ZodType>(path: string, schema: S, what: string): Promise<z.infer<S>> {
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : [];
    const detail = error instanceof Error ? error.message : String(error);
    const why = issue === undefined ? detail : `${issue.path.join(".") || "it"}: ${issue.message}`;
    throw new TriplineError("config-invalid", `${path} is not ${what} (${why}).`, [], { cause: error });
  }
}

/** If a load reached less than this share of its target rate, the machine was saturated and did not sustain it. */
const SUSTAINED = 0.9;

/**
 * The sustained loads, lowest first.
 *
 * @throws TriplineError `config-invalid` if a figure is missing, or fewer than two loads were sustained
 */
export function loadsOf(result: CapacityResult): MeasuredLoad[] {
  const loads = (result.parts[0]?.contestants ?? []).map(({ name, figures }) => {
    const figure = (key: string) => figureOf(figures, key);
    const seconds = figure("wall_ms") / 1_000;
    const cpuMsPerS = new Map(LOADED.map((process) => [process, figure(`${process}_cpu_ms`) / seconds] as const));
    return { name, rate: figure("ops_per_s"), wanted: figure("rate"), cpuMsPerS };
  });
  const sustained = loads.filter(({ rate, wanted }) => rate >= SUSTAINED * wanted);
  if (sustained.length >= 2) return sustained.sort((left, right) => left.rate - right.rate);
  const sentence =
    "Fewer than two of the load levels were sustained. Measure again with lower --rates, or on an idle machine.";
  throw new TriplineError("config-invalid", sentence);
}

function figureOf(figures: Readonly<Record<string, { median: number }>>, key: string): number {
  const found = figures[key]?.median;
  if (found === undefined) throw new TriplineError("config-invalid", `The result does not contain the figure ${key}.`);
  return found;
}

/** Figures by name, from the summary's `kafka_bytes_…`, `redis_bytes_…` and `redis_states_…`. */
export function bytesOf(
  result: CapacityResult,
  prefix: "kafka_bytes" | "redis_bytes" | "redis_states",
): Record<string, number> {
  const found = Object.entries(result.parts[0]?.summary ?? {}).filter(([name]) => name.startsWith(`${prefix}_`));
  return Object.fromEntries(found.map(([name, { median }]) => [name.slice(prefix.length + 1), median]));
}

/** Bytes in the lake per payment. @throws TriplineError `config-invalid` if it was not measured */
export function lakeBytesOf(result: CapacityResult): number {
  return figureOf(result.parts[0]?.summary ?? {}, "lake_bytes");
}

/**
 * Reads the costs from a result. A result of `--only bytes` has no CPU times, so those come from `before`.
 *
 * @throws TriplineError `config-invalid` if a figure is missing
 */
export function learnFrom(result: CapacityResult, before: Measured): Measured {
  const isBytes = result.parts[0]?.name === BYTES_PART;
  const source: Source = {
    command: `npm run bench -- capacity${isBytes ? ` --only ${BYTES_PART}` : ""}`,
    measured_at: result.date,
    load_average: result.machine.loadAverage,
  };
  return measuredSchema.parse({
    ...before,
    ...(isBytes ? {} : costsOf(result)),
    sources: isBytes ? { ...before.sources, bytes: source } : { cpu: source, archive: source, bytes: source },
    kafka_bytes: bytesOf(result, "kafka_bytes"),
    redis_bytes: bytesOf(result, "redis_bytes"),
    redis_states: bytesOf(result, "redis_states"),
    lake_bytes: lakeBytesOf(result),
  });
}

function costsOf(result: CapacityResult): Pick<Measured, "machine" | "rates" | "cpu"> {
  const tenths = (value: number) => Math.round(10 * value) / 10;
  const loads = loadsOf(result).map(({ rate, cpuMsPerS }) => ({ rate: tenths(rate), cpuMsPerS }));
  const highest = loads.at(-1)?.rate ?? 0;
  const archiveUs = figureOf(result.parts[0]?.summary ?? {}, "archive_us_per_decision");
  const curveOf = (process: ProcessName) =>
    loads.map(({ rate, cpuMsPerS }): [number, number] => [rate, tenths(cpuMsPerS.get(process) ?? 0)]);
  // Archive was measured only while catching up, so this assumes the same CPU time per decision at every rate.
  const archive: [number, number][] = [[highest, tenths((archiveUs * highest) / 1_000)]];
  const cpu = Object.fromEntries(
    PROCESSES.map((process) => [process, process === "archive" ? archive : curveOf(process)]),
  );
  const { cpu: model, cores } = result.machine;
  return measuredSchema
    .pick({ machine: true, rates: true, cpu: true })
    .parse({ machine: { cpu: model, cores }, rates: loads.map(({ rate }) => rate), cpu });
}
