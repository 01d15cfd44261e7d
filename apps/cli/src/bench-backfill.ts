import { spawn } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { provisionPython } from "@tripline/local-stack/provision-python";
import { Command, InvalidArgumentError, Option } from "commander";
import { OPTIONAL_COLUMNS, TRANSACTIONS_COLUMNS } from "./backfill-source.js";
import { handbookSource } from "./handbook-source.js";
import { ROOT } from "./workspace.js";

/** What one run cost, in seconds. The CPU time is that of all its threads, in the program and in the kernel. */
interface Cost {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
}

const BENCHMARKS = join(ROOT, "training", "benchmarks");
const PEERS = ["polars", "pandas"] as const;
/** Nothing may run longer, in milliseconds. */
const RUN_TIMEOUT_MS = 900_000;
/** Card tokens are a hash under some key; which one makes no difference to the speed. */
const CARD_TOKEN_KEY = Buffer.alloc(32, 3);
const TENANT = "demo";

interface BenchFlags {
  readonly input?: string;
  readonly handbook?: string;
  readonly runs: number;
  readonly peers: string;
}

/**
 * `tripline backfill` beside the same features in Polars and pandas: each reads the same Parquet file and writes its own.
 * All take turns, so that whatever else the machine does strikes all alike; the medians count.
 */
export async function benchBackfill(flags: BenchFlags): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-bench-"));
  try {
    const input = flags.input ?? (await writeTransactions(flags.handbook ?? "", join(folder, "transactions.parquet")));
    const contestants = await contestantsOf(flags.peers.split(","), input, folder);
    const costs = new Map(contestants.map(({ name }) => [name, [] as Cost[]]));
    for (let round = 0; round < flags.runs; round += 1) {
      for (const { name, command } of contestants) {
        const cost = await measure(command);
        costs.get(name)?.push(cost);
        process.stdout.write(
          `${name.padEnd(9)} ${cost.wallSeconds.toFixed(2)} s, CPU ${cost.cpuSeconds.toFixed(2)} s\n`,
        );
      }
    }
    const { size } = await stat(join(folder, "tripline.parquet"));
    process.stdout.write(`${lineOf(costs)} output_mb=${(size / 1e6).toFixed(0)}\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The one line that sums up: medians, and ratios of them to ours. */
function lineOf(costs: ReadonlyMap<string, readonly Cost[]>): string {
  const median = (name: string, of: (cost: Cost) => number): number => {
    const sorted = (costs.get(name) ?? []).map(of).sort((left, right) => left - right);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const wall = (name: string) => median(name, (cost) => cost.wallSeconds);
  const cpu = (name: string) => median(name, (cost) => cost.cpuSeconds);
  const parts = [...costs.keys()].flatMap((name) => {
    const figures = [`${name}_s=${wall(name).toFixed(2)}`, `${name}_cpu_s=${cpu(name).toFixed(2)}`];
    if (name === "tripline") return figures;
    const ratio = (wall(name) / wall("tripline")).toFixed(2);
    return [...figures, `${name}_ratio=${ratio}`, `${name}_cpu_ratio=${(cpu(name) / cpu("tripline")).toFixed(2)}`];
  });
  return `backfill: ${parts.join(" ")}`;
}

async function contestantsOf(peers: readonly string[], input: string, folder: string): Promise<Contestant[]> {
  const program = fileURLToPath(new URL("./main.js", import.meta.url));
  const own = [process.execPath, program, "backfill", "--input", input, "--output", join(folder, "tripline.parquet")];
  const { python } = await provisionPython({
    name: "benchmarks",
    requirementsFile: join(BENCHMARKS, "requirements.txt"),
    root: ROOT,
  });
  return [
    { name: "tripline", command: own },
    ...peers.map((name) => ({
      name,
      command: [python, join(BENCHMARKS, `backfill_${name}.py`), input, join(folder, `${name}.parquet`)],
    })),
  ];
}

/** Runs a command to its end under the shell's clock, which also knows the CPU time of all its threads. */
async function measure(command: readonly string[]): Promise<Cost> {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null';
  const child = spawn("bash", ["-c", script, "bash", ...command], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: RUN_TIMEOUT_MS,
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [wall, user, system] = (errors.trimEnd().split("\n").at(-1) ?? "").split(" ").map(Number);
  if (code !== 0 || wall === undefined || Number.isNaN(wall))
    throw new Error(`${command.join(" ")} failed:\n${errors}`);
  return { wallSeconds: wall, cpuSeconds: (user ?? 0) + (system ?? 0) };
}

/** The handbook's days as one transactions file, in event order. @returns its path */
async function writeTransactions(directory: string, path: string): Promise<string> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const select = await handbookSource({ directory, cardTokenKey: CARD_TOKEN_KEY }).prepare(connection, TENANT);
    const columns = Object.keys({ ...TRANSACTIONS_COLUMNS, ...OPTIONAL_COLUMNS }).join(", ");
    await connection.run(
      `COPY (SELECT ${columns} FROM (${select}) ORDER BY occurred_at_ms, tie_order) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`,
    );
    return path;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function parseRuns(text: string): number {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1) throw new InvalidArgumentError("must be a whole number from 1");
  return runs;
}

/** `tripline bench-backfill` */
export function benchBackfillCommand(): Command {
  return new Command("bench-backfill")
    .description("time `backfill` beside the same features in Polars and pandas, on the same file")
    .addOption(new Option("--input <file>", "transactions, Parquet with amounts in cents").conflicts("handbook"))
    .option("--handbook <folder>", "the handbook's benchmark data instead (the folder that holds raw/)")
    .option("--runs <count>", "rounds; medians count", parseRuns, 3)
    .option("--peers <names>", "whom to run beside it", PEERS.join(","))
    .action(async function (this: Command, flags: BenchFlags) {
      if (flags.input === undefined && flags.handbook === undefined) {
        this.error("error: one of --input and --handbook is needed");
      }
      const unknown = flags.peers.split(",").filter((name) => !PEERS.some((peer) => peer === name));
      if (unknown.length > 0) this.error(`error: --peers knows ${PEERS.join(" and ")}, not ${unknown.join(", ")}`);
      await benchBackfill(flags);
    });
}
