import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOPICS } from "@tripline/contracts/topics";
import type { IncomingRecord } from "@tripline/kafka/port";
import type { LakeTable } from "@tripline/lake/lake-tables";
import { LAKE_TABLES } from "@tripline/lake/lake-tables";
import { FolderDisk } from "@tripline/lake/log/folder-disk";
import { listFiles } from "@tripline/lake/log/list-files";
import { TopicLog } from "@tripline/lake/log/topic-log";
import { createLogger } from "@tripline/telemetry/logger";
import { ArchiveMetrics } from "../archive-metrics.js";
import { until } from "../testing/bench.js";
import { labelOf, labelRecord } from "../testing/records.js";
import { StagedWriter } from "./staged-writer.js";
import { TopicArchive } from "./topic-archive.js";

const TOPIC = TOPICS.labels.name;

let lake: string;
let writer: StagedWriter;
let archives: TopicArchive[];

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-archive-test-"));
  writer = await StagedWriter.open(new FolderDisk());
  archives = [];
});

afterEach(async () => {
  await Promise.all(archives.map((archive) => archive.close()));
  writer.close();
  await rm(lake, { recursive: true, force: true });
});

class CountingMetrics extends ArchiveMetrics {
  readonly lost: string[] = [];

  override missing(topic: string, records: number): void {
    super.missing(topic, records);
    this.lost.push(`${topic} ${records}`);
  }
}

/** An archive of the `labels` topic without its consumer. */
function open(change: { rowsMax?: number; ageMs?: number; end?: number; folder?: string; table?: LakeTable } = {}) {
  const commits: string[] = [];
  const metrics = new CountingMetrics();
  const log = { cluster: "c", topic: `p.${TOPIC}` };
  const archive = new TopicArchive({
    table: change.table ?? LAKE_TABLES.labels,
    limits: { rowsMax: change.rowsMax ?? 1_000, bytesMax: 1_000_000, ageMs: change.ageMs ?? 50 },
    writer,
    metrics,
    logger: createLogger("test", "silent"),
    openLog: async () =>
      new TopicLog({ disk: new FolderDisk(), lake: change.folder ?? lake, topic: TOPIC, source: log }),
    endOffsets: async () => new Map([[0, change.end ?? 1_000_000]]),
    commit: (partition, offset) => void commits.push(`${partition}@${offset}`),
  });
  archive.start();
  archives.push(archive);
  return { archive, metrics, commits };
}

function batchOf(from: number, to: number) {
  const records: IncomingRecord[] = Array.from({ length: to - from }, (_, index) => {
    const { value, headers, ...record } = labelRecord(labelOf(from + index));
    return { ...record, value: Buffer.from(value), headers, partition: 0, offset: from + index, timestampMs: 1 };
  });
  return { topic: TOPIC, partition: 0, records };
}

const position = async () => (await listFiles(lake, TOPIC).catch(() => undefined))?.positions.get(0) ?? 0;
const untilAt = (offset: number) => until(`offset ${offset} in the lake`, async () => (await position()) === offset);

test("commits offsets once their rows are in the lake, even if another instance wrote them", async () => {
  const { archive, commits } = open();
  expect(await archive.begin(0)).toBe(0);
  await archive.handle(batchOf(0, 5));
  expect(commits).toEqual([]);
  await untilAt(5);
  await until("a commit", () => commits.length > 0);
  expect(commits).toEqual(["0@5"]);

  const other = open({ ageMs: 3_600_000 });
  expect(await other.archive.begin(0)).toBe(5);
  await other.archive.handle(batchOf(5, 8));
  await archive.handle(batchOf(5, 10));
  await untilAt(10);
  await other.archive.close();
  expect(other.commits.at(-1)).toBe("0@10");
  expect((await listFiles(lake, TOPIC)).files).toHaveLength(2);
});

test("counts records that Kafka deleted before they were archived", async () => {
  const { archive, metrics } = open();
  await archive.begin(0);
  await archive.handle(batchOf(100, 103));
  await untilAt(103);
  await archive.handle(batchOf(110, 111));
  await untilAt(111);
  expect(metrics.lost).toEqual([`${TOPIC} 7`]);
});

test("does not count records that Kafka compacted away as missing", async () => {
  const { name, ...topic } = LAKE_TABLES.labels.topic;
  const { retentionDays: _, ...compacted } = topic;
  const { archive, metrics } = open({ table: { ...LAKE_TABLES.labels, topic: { name, ...compacted } } });
  await archive.begin(0);
  await archive.handle(batchOf(0, 3));
  await archive.handle(batchOf(10, 11));
  await untilAt(11);
  expect(metrics.lost).toEqual([]);
});

test("rejects a lake that is ahead of Kafka because the topic was recreated", async () => {
  const { archive } = open();
  await archive.begin(0);
  await archive.handle(batchOf(0, 5));
  await untilAt(5);
  const next = open({ end: 4 });
  await expect(next.archive.begin(0)).rejects.toMatchObject({
    code: "state-conflict",
    message: expect.stringContaining("up to offset 5, which is beyond the end of the topic in Kafka"),
  });
  expect(() => next.archive.check()).toThrow("LAKE_URL");
  expect(await open({ end: 5 }).archive.begin(0)).toBe(5);
});

test("stays within its memory limit while the lake is not writable; waiting handlers end when the service stops", async () => {
  const folder = join(lake, "sub");
  const { archive, commits } = open({ rowsMax: 10, folder });
  await archive.begin(0);
  await rm(folder, { recursive: true });
  await writeFile(folder, "a file where the lake was");
  let isDone = false;
  const rest: Promise<void>[] = [];
  for (let at = 0; at < 100; at += 5) {
    const before = rest.at(-1) ?? Promise.resolve();
    rest.push(before.then(() => archive.handle(batchOf(at, at + 5))));
  }
  const all = Promise.all(rest).then(() => {
    isDone = true;
  });
  all.catch(() => {});
  await until("a sentence", () => {
    try {
      archive.check();
      return false;
    } catch (thrown) {
      return /cannot be (created|written).*Free disk space in the lake's folder/.test(String(thrown));
    }
  });
  expect([archive.held.rows, isDone, commits]).toEqual([20, false, []]);

  await rm(folder);
  await until("everything was taken in", () => isDone);
  await until("it is well again", () => {
    archive.check();
    return archive.held.rows === 0;
  });
  expect((await listFiles(folder, TOPIC)).positions).toEqual(new Map([[0, 100]]));

  await rm(folder, { recursive: true });
  await writeFile(folder, "a file again");
  const late = [archive.handle(batchOf(100, 125)), archive.handle(batchOf(125, 130))];
  const [, waiting] = late;
  const rejected = expect(waiting).rejects.toMatchObject({ code: "shutting-down" });
  await archive.close();
  await rejected;
});

test("rejects an unreadable record before buffering any record of its batch", async () => {
  const { archive } = open({ ageMs: 3_600_000 });
  await archive.begin(0);
  const batch = batchOf(0, 3);
  const [first, second] = batch.records;
  if (first === undefined || second === undefined) throw new Error("no records");
  const poison = { ...second, offset: 1, value: Buffer.from([0xff]) };
  const attempt = archive.handle({ ...batch, records: [first, poison] });
  await expect(attempt).rejects.toMatchObject({
    code: "message-unreadable",
    message: expect.stringMatching(/^The record at labels, partition 0, offset 1 cannot be read: it is not .*\.$/),
  });
  expect(archive.held.rows).toBe(0);
});
