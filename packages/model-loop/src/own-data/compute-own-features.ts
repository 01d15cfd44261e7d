import { mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { backfill } from "@tripline/backfill/backfill";
import { mappedSource } from "@tripline/backfill/mapping/mapped-source";
import type { Mapping } from "@tripline/backfill/mapping/mapping";
import { writeStateKey } from "@tripline/backfill/states/state-key";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import { holdLock } from "@tripline/local-stack/processes/hold-lock";
import type { StepLog } from "@tripline/system/step-log";
import { cacheKey, dropOldEntries } from "../demo-model/train-cache.js";
import { settleFile } from "../truth/settle-labels.js";

export interface OwnDataOptions {
  readonly mapping: Mapping;
  /** The installation's token key. */
  readonly key: Uint8Array;
  readonly tenant: string;
  /** Its subfolders contain the most recently used results. */
  readonly folder: string;
  readonly rejectsPath: string;
  /** Payments and labels at or after this time, in milliseconds since the epoch, are omitted. */
  readonly untilMs?: number;
  readonly steps: StepLog;
}

/** The files computed from a file of payments. */
export interface OwnFeatures {
  /** A row per payment with its features. */
  readonly features: string;
  /** The same payments with the columns of the file. */
  readonly raw: string;
  /** Window states after the last event. */
  readonly state: string;
}

const ENTRIES_MAX = 3;
/** Written last: if this file exists, the other files are complete. */
const DONE_FILE = "done";

/**
 * Computes features and window states of a mapped file. If file, mapping, key and code are the same as in an earlier
 * call, returns its results.
 *
 * @throws TriplineError `invalid-field` if the file cannot be read or no row is a payment
 */
export async function computeOwnFeatures(options: OwnDataOptions): Promise<OwnFeatures> {
  const { mapping, key, tenant, untilMs, steps } = options;
  await mkdir(options.folder, { recursive: true });
  return holdLock(join(options.folder, "lock"), async () => {
    const entry = join(options.folder, "computed", await keyOf(options));
    const files = {
      features: join(entry, "features.parquet"),
      raw: join(entry, "raw.parquet"),
      state: join(entry, "state.bin"),
    };
    if (await isDone(entry)) {
      steps.note("features (computed before)", 0);
      return files;
    }
    await rm(entry, { recursive: true, force: true });
    await mkdir(entry, { recursive: true });
    const computed = join(entry, "computed.parquet");
    await steps.run("read the payments, compute features and window states", (onProgress) =>
      backfill({
        spec: currentFeatureSpec(),
        source: mappedSource({
          mapping,
          key,
          rejectsPath: options.rejectsPath,
          rawPath: files.raw,
          onMapped: ({ accepted, rows }) => requireSome(options, accepted, rows),
        }),
        tenant,
        outputPath: computed,
        statePath: files.state,
        ...(untilMs === undefined ? {} : { untilMs }),
        onProgress: ({ doneEvents, totalEvents }) => onProgress({ done: doneEvents, total: totalEvents }),
      }),
    );
    const scan = await LakeScan.open();
    await settleFile(scan, computed, files.features, { unlabelled: "auto" }).finally(() => scan.close());
    await writeStateKey(files.state, key);
    await writeFile(join(entry, DONE_FILE), "");
    await dropOldEntries(join(options.folder, "computed"), ENTRIES_MAX);
    return files;
  });
}

function requireSome({ mapping, rejectsPath }: OwnDataOptions, accepted: number, rows: number): void {
  if (accepted > 0) return;
  throw new TriplineError(
    "invalid-field",
    `None of the ${rows} rows of ${mapping.file} is a valid payment. ${rejectsPath} lists the reasons.`,
  );
}

/** The time of the first payment, in milliseconds since the epoch; undefined if there is none. */
export async function firstPaymentMs({ features }: OwnFeatures): Promise<number | undefined> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const query = `SELECT min(occurred_at_ms)::DOUBLE FROM read_parquet(${sqlText(features)}, hive_partitioning = false)`;
    const [first] = (await connection.runAndReadAll(query)).getRows()[0] ?? [];
    return typeof first === "number" ? first : undefined;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function keyOf({ mapping, key, tenant, untilMs }: OwnDataOptions): Promise<string> {
  const { size, mtimeMs } = await stat(mapping.file).catch((error: unknown) => {
    throw new TriplineError("invalid-field", `${mapping.file} cannot be read.`, [], { cause: error });
  });
  return cacheKey([mapping.text, mapping.file, `${size} ${mtimeMs}`, key, tenant, `${untilMs}`]);
}

/** Whether an entry is complete. If so, marks it as recently used, so that it is kept. */
async function isDone(entry: string): Promise<boolean> {
  try {
    await readFile(join(entry, DONE_FILE));
    await utimes(entry, new Date(), new Date());
    return true;
  } catch {
    return false;
  }
}
