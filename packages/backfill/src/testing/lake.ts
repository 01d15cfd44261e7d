import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import { stagedRowsPrefix } from "@tripline/lake/lake-layout";
import { TopicLog } from "@tripline/lake/log/topic-log";
import { sqlName, sqlText } from "@tripline/lake/sql-text";
import { DyingDisk } from "@tripline/lake/testing/writer";
import { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";

export interface TestLakeOptions {
  readonly lake: string;
  readonly spec: FeatureSpec;
  readonly tenant: string;
  /** A transactions file, and the result of `backfill` for it. */
  readonly payments: string;
  readonly features: string;
  /** SQL that replaces a label's `fraud`, a feature's value or an amount; may use the columns of both files. */
  readonly fraud?: string;
  readonly values?: Readonly<Record<string, string>>;
  /** SQL condition that selects the payments with a label. Default: those with a label in the file. */
  readonly labelled?: string;
  /** SQL for the score with which a payment was decided; if omitted, the lake contains no decisions. */
  readonly score?: string;
  /** SQL for the name of the payment's outcome, such as `decline`; may use `score`. */
  readonly outcome?: string;
}

const PARTITIONS = 2;

/** For tests: creates, within seconds, the lake that the archive service would write for this history. */
export async function writeTestLake(options: TestLakeOptions): Promise<void> {
  const { spec, tenant } = options;
  const optional = Object.entries(OPTIONAL_COLUMNS).map(([name, type]) =>
    type === "VARCHAR" ? `coalesce(${name}, '') AS ${name}` : `${name}::${type} AS ${name}`,
  );
  const payment = `'txn_' || client_transaction_id AS transaction_id, ${sqlText(tenant)} AS tenant, client_transaction_id,
    card_token, amount_minor::BIGINT AS amount_minor, currency, occurred_at_ms,
    occurred_at_ms + 5 AS accepted_at_ms, ${optional.join(", ")}`;
  const values = spec.features.map(({ name }) => options.values?.[name] ?? `f.${sqlName(name)}`);
  await writeTopic(options, TOPICS.transactions.name, "occurred_at_ms", payment, "true");
  await writeTopic(
    options,
    TOPICS.features.name,
    "occurred_at_ms",
    `${payment}, ${spec.version}::INTEGER AS spec_version, [${values.join(", ")}]::DOUBLE[] AS "values",
      occurred_at_ms + 9 AS computed_at_ms, [1]::BIGINT[] AS sequences, false AS too_late, false AS incomplete`,
    "true",
  );
  await writeTopic(
    options,
    TOPICS.labels.name,
    "labelled_at_ms",
    `'lbl_' || client_transaction_id AS label_id, ${sqlText(tenant)} AS tenant, client_transaction_id, card_token,
      coalesce(terminal_id, '') AS terminal_id, occurred_at_ms, labelled_at_ms, (${options.fraud ?? "fraud"})::INTEGER = 1 AS fraud,
      'chargeback' AS source`,
    `labelled_at_ms IS NOT NULL AND (${options.labelled ?? "true"})`,
  );
  if (options.score === undefined) return;
  await writeTopic(
    options,
    TOPICS.decisions.name,
    "occurred_at_ms",
    `'txn_' || client_transaction_id AS transaction_id, ${sqlText(tenant)} AS tenant, client_transaction_id, card_token,
      (${options.score})::DOUBLE AS score, ${options.outcome ?? "'approve'"} AS outcome, 'model' AS rung,
      'policy' AS policy_version, 'fraud' AS model_name, 'test' AS model_version,
      ${spec.version}::INTEGER AS feature_spec_version, occurred_at_ms, occurred_at_ms + 5 AS accepted_at_ms,
      occurred_at_ms + 20 AS decided_at_ms`,
    "true",
  );
}

async function writeTopic(
  { lake, payments, features, spec }: TestLakeOptions,
  topic: string,
  time: string,
  columns: string,
  condition: string,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-test-lake-"));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const named = spec.features.map(({ name }) => sqlName(name)).join(", ");
    const joined = `read_parquet(${sqlText(payments)}) AS p JOIN (
      SELECT client_transaction_id AS id, ${named} FROM read_parquet(${sqlText(features)})
    ) AS f ON f.id = p.client_transaction_id`;
    const partition = `(hash(card_token) % ${PARTITIONS})::INTEGER`;
    await connection.run(`CREATE TABLE rows AS
      SELECT ${partition} AS kafka_partition,
        row_number() OVER (PARTITION BY ${partition} ORDER BY ${time}, client_transaction_id) - 1 AS kafka_offset,
        ${time}::BIGINT + 50 AS kafka_timestamp_ms, NULL::VARCHAR AS traceparent,
        to_timestamp(${time} / 1000.0) AS event_time, ${columns},
        strftime(make_timestamp(${time}::BIGINT * 1000), '%Y-%m-%d') AS day
      FROM ${joined} WHERE ${condition}`);
    await connection.run(`COPY (SELECT * FROM rows ORDER BY kafka_partition, kafka_offset) TO ${sqlText(folder)}
      (FORMAT parquet, PARTITION_BY (day), OVERWRITE_OR_IGNORE, FILENAME_PATTERN 'rows')`);
    const counted = await connection.runAndReadAll("SELECT day, count(*) FROM rows GROUP BY 1 ORDER BY 1");
    const ends = await connection.runAndReadAll("SELECT kafka_partition, count(*) FROM rows GROUP BY 1");
    const log = new TopicLog({ disk: new DyingDisk(), lake, topic, source: { cluster: "test", topic } });
    await log.refresh();
    const ranges = new Map(ends.getRows().map(([at, end]) => [Number(at), { from: 0, to: Number(end) }]));
    const id = randomBytes(8).toString("hex");
    const prefix = stagedRowsPrefix(0, 0, id);
    const files: { day: string; staged: string; rows: number }[] = [];
    for (const [day, rows] of counted.getRows()) {
      const staged = `${prefix}-${day}.staged`;
      const [name = ""] = await readdir(join(folder, `day=${day}`));
      await rename(join(folder, `day=${day}`, name), log.stagedPath(staged));
      files.push({ day: String(day), staged, rows: Number(rows) });
    }
    if (!(await log.append({ id, prefix, ranges, files, replaces: [] }))) throw new Error("another writer was faster");
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}
