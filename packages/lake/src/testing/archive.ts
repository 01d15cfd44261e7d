import { randomBytes } from "node:crypto";
import { DuckDBDataChunk, DuckDBInstance, DuckDBTimestampTZValue } from "@duckdb/node-api";
import { stagedRowsPrefix } from "../lake-layout.js";
import type { LakeTable } from "../lake-tables.js";
import { RECORD_COLUMNS, tableOfTopic } from "../lake-tables.js";
import type { LakeDisk } from "../log/lake-disk.js";
import type { Change } from "../log/topic-log.js";
import { TopicLog } from "../log/topic-log.js";
import { sqlName, sqlText } from "../sql-text.js";
import { DyingDisk } from "./writer.js";

/** One record of a partition. */
export interface TestRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: Uint8Array;
}

/**
 * For tests: archives records in the same way as the archive service, but all together; unreadable records are skipped.
 */
export class TestArchive {
  constructor(
    private readonly lake: string,
    private readonly source: { readonly cluster: string; readonly topicPrefix: string },
    private readonly disk: LakeDisk = new DyingDisk(),
  ) {}

  /** @param columnsLeftOut columns of the message to omit, as in files of an older version */
  async append(topic: string, records: readonly TestRecord[], columnsLeftOut: readonly string[] = []): Promise<void> {
    const source = { cluster: this.source.cluster, topic: this.source.topicPrefix + topic };
    const log = new TopicLog({ disk: this.disk, lake: this.lake, topic, source });
    await log.refresh();
    const ends = Map.groupBy(records, ({ partition }) => partition);
    const ranges: Change["ranges"] = new Map(
      [...ends].map(([partition, ofPartition]) => [
        partition,
        { from: log.positions.get(partition) ?? 0, to: Math.max(...ofPartition.map(({ offset }) => offset)) + 1 },
      ]),
    );
    const [[partition, { from }] = [0, { from: 0 }]] = ranges;
    const id = randomBytes(8).toString("hex");
    const prefix = stagedRowsPrefix(partition, from, id);
    const files = await writeFiles(this.disk, log, topic, records, prefix, columnsLeftOut);
    if (!(await log.append({ id, prefix, ranges, files, replaces: [] }))) throw new Error("another writer was faster");
  }
}

function decodedOrNone(table: LakeTable, record: TestRecord) {
  try {
    return [{ record, row: table.decode(record.value) }];
  } catch {
    return [];
  }
}

async function writeFiles(
  disk: LakeDisk,
  log: TopicLog,
  topic: string,
  records: readonly TestRecord[],
  prefix: string,
  leftOut: readonly string[],
): Promise<Change["files"]> {
  const table = tableOfTopic(topic);
  if (table === undefined) throw new Error(`${topic} is not archived`);
  const decoded = records.flatMap((record) => decodedOrNone(table, record));
  const columns = [...RECORD_COLUMNS, ...table.columns];
  const definitions = columns.map(({ name, type }) => `${sqlName(name)} ${type}`);
  const kept = columns.filter(({ name }) => !leftOut.includes(name)).map(({ name }) => sqlName(name));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const files: { day: string; staged: string; rows: number }[] = [];
  for (const [day, ofDay] of Map.groupBy(decoded, ({ row }) => row.day)) {
    const staged = `${prefix}-${day}.staged`;
    await connection.run(`CREATE OR REPLACE TEMP TABLE staged (${definitions.join(", ")})`);
    const appender = await connection.createAppender("staged");
    for (const { record, row } of ofDay) {
      const chunk = DuckDBDataChunk.create(
        columns.map(({ type }) => type),
        1,
      );
      const { partition, offset } = record;
      const time = new DuckDBTimestampTZValue(BigInt(row.eventTimeMs) * 1_000n);
      chunk.setRows([[partition, BigInt(offset), 0n, "", time, ...row.cells()]]);
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
    await disk.produce(log.stagedPath(staged), async (local) => {
      await connection.run(`COPY (SELECT ${kept.join(", ")} FROM staged) TO ${sqlText(local)} (FORMAT parquet)`);
    });
    files.push({ day, staged, rows: ofDay.length });
  }
  connection.closeSync();
  instance.closeSync();
  return files;
}
