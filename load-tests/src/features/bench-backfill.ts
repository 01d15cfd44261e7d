import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { OPTIONAL_COLUMNS } from "@tripline/backfill/generated/optional-columns";
import { handbookSource } from "@tripline/backfill/input/handbook-source";
import { TRANSACTIONS_COLUMNS } from "@tripline/backfill/input/transactions-source";
import { runCommand } from "@tripline/local-stack/processes/run-command";
import { provisionPython } from "@tripline/local-stack/provision/provision-python";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { endedChildrenCpu } from "../harness/cpu-meter.js";
import { packageVersions } from "../harness/package-versions.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";

const ROUNDS = 3;
/** Time limit of each contestant. */
const COMMAND_MS_MAX = 1_800_000;
/** Any key works, because the speed of hashing card tokens does not depend on it. */
const CARD_TOKEN_KEY = Buffer.alloc(32, 3);
const TENANT = "demo";

/** All features of the handbook's payments. Each contestant reads the same Parquet file and writes its own. */
export const backfillPart: BenchPart = {
  name: "backfill",
  title:
    "all features of the handbook's payments, Parquet to Parquet: `tripline backfill` compared with Polars and pandas",
  check: async (context) => void handbookFolder(context),
  run: runBackfill,
};

async function runBackfill(context: BenchContext): Promise<PartOutcome> {
  const { root, folder, versions } = context;
  await mkdir(folder, { recursive: true });
  const input = join(folder, "transactions.parquet");
  context.log("  writing the payments as Parquet");
  await writeTransactions(handbookFolder(context), input);
  const rows = await countRows(input);
  const peers = join(root, "load-tests", "peers", "backfill");
  const requirementsFile = join(peers, "requirements.txt");
  const { python } = await provisionPython({ name: "benchmarks", requirementsFile, root });
  Object.assign(versions, await packageVersions(python, ["polars", "pandas", "pyarrow"]));
  const program = join(root, "apps", "cli", "dist", "main.js");
  const output = (name: string) => join(folder, `${name}.parquet`);
  const contestant = (name: string, command: string, args: string[]): Contestant => ({
    name,
    meters: [endedChildrenCpu("process")],
    run: async () => {
      await runCommand({
        command,
        args,
        purpose: `backfill with ${name}`,
        logFile: join(root, ".tripline", "logs", `bench-backfill-${name}.log`),
        timeoutMs: COMMAND_MS_MAX,
      });
      return { operations: rows };
    },
  });
  const script = (name: string) => [join(peers, `backfill_${name}.py`), input, output(name)];
  const own = [program, "backfill", "--input", input, "--output", output("tripline")];
  const contestants = [
    contestant("tripline", process.execPath, own),
    contestant("polars", python, script("polars")),
    { ...contestant("pandas", python, script("pandas")), roundsMax: 1 },
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS });
  for (const { name } of contestants) await expectRows(name, output(name), rows);
  return {
    contestants: measured,
    summary: {
      backfill_ratio: ratioOf(measured, "wall_ms", "pandas", "tripline"),
      polars_ratio: ratioOf(measured, "wall_ms", "polars", "tripline"),
      backfill_cpu_ratio: ratioOf(measured, "cpu_ms", "pandas", "tripline"),
      polars_cpu_ratio: ratioOf(measured, "cpu_ms", "polars", "tripline"),
    },
    notes: [
      `${rows} payments; each contestant is a command, measured from start to end.`,
      "pandas runs once, because it is slow: backfill_ratio is its one run divided by the median of ours.",
    ],
  };
}

/** @throws BenchError if no folder was given, or it does not exist */
function handbookFolder({ flags }: BenchContext): string {
  const given = flags.handbook;
  if (typeof given !== "string") {
    throw new BenchError(
      "backfill requires the handbook's payments: specify their folder with --handbook <folder>, or omit it with --only read,window,velocity.",
    );
  }
  const folder = resolve(given);
  if (existsSync(join(folder, "raw"))) return folder;
  throw new BenchError(`--handbook: ${folder} contains no folder raw/ with the handbook's daily files.`);
}

/** The handbook's days as one transactions file, in event order. */
async function writeTransactions(directory: string, path: string): Promise<void> {
  await withDuckDb(async (connection) => {
    const select = await handbookSource({ directory, cardTokenKey: CARD_TOKEN_KEY }).prepare(connection, TENANT);
    const columns = Object.keys({ ...TRANSACTIONS_COLUMNS, ...OPTIONAL_COLUMNS }).join(", ");
    await connection.run(
      `COPY (SELECT ${columns} FROM (${select}) ORDER BY occurred_at_ms, tie_order) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`,
    );
  });
}

/** All contestants must write all rows. */
async function expectRows(name: string, path: string, rows: number): Promise<void> {
  const found = await countRows(path);
  if (found !== rows) throw new BenchError(`${name} wrote ${found} rows for ${rows} payments.`);
}

function countRows(path: string): Promise<number> {
  return withDuckDb(async (connection) => {
    const reader = await connection.runAndReadAll(`SELECT count(*)::INTEGER FROM read_parquet('${path}')`);
    return Number(reader.getRows()[0]?.[0]);
  });
}

type Connection = Awaited<ReturnType<DuckDBInstance["connect"]>>;

async function withDuckDb<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
