import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import { LAKE_TABLES } from "@tripline/lake/lake-tables";
import { listFiles } from "@tripline/lake/log/list-files";
import { TestArchive } from "@tripline/lake/testing/archive";
import { compactCommand } from "./compact.js";
import { publishCommand } from "./publish.js";
import { statusCommand } from "./status.js";

const TOPIC = TABLES.erasures.name;
const NOW_MS = Date.UTC(2026, 2, 1, 12);
const DAY_MS = 86_400_000;

let lake: string;

beforeAll(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-lake-command-test-"));
  const archive = new TestArchive(lake, { cluster: "c", topicPrefix: "" });
  for (let offset = 0; offset < 10; offset += 2) {
    await archive.append(TOPIC, [recordOf(offset, NOW_MS), recordOf(offset + 1, NOW_MS - DAY_MS)]);
  }
});

afterAll(() => rm(lake, { recursive: true, force: true }));

function recordOf(offset: number, erasedAtMs: number) {
  return { partition: 0, offset, value: Erasure.encode({ tenant: "t", subject: `ct_${offset}`, erasedAtMs }).finish() };
}

async function run(make: typeof statusCommand, ...flags: string[]): Promise<string> {
  let text = "";
  const output = { write: (part: string) => (text += part) };
  await make(output, () => NOW_MS).parseAsync(["--lake", lake, ...flags], { from: "user" });
  return text;
}

test("status shows the files to be merged, before and after compact", async () => {
  const before = await run(statusCommand, "--last", "2");
  expect(before).toMatch(/erasures {2}2026-02-28 {2}5 {6}.* KiB {2}5 {5}5 files to merge\n/);
  expect(before).toMatch(/erasures {2}2026-03-01 {2}5 {6}.* KiB {2}5 {5}after the day has ended\n/);
  expect(before).toMatch(/\nlast compaction: none\nlake status: files=10 bytes=\d+ days_to_compact=1\n$/);

  expect(await run(compactCommand)).toMatch(
    /^100 % of .* KiB: erasures, 2026-02-28\nlake compact: days=1 files=5 merged=1 rows=5 days_left=0\n$/,
  );
  expect((await listFiles(lake, TOPIC)).files).toHaveLength(6);
  const after = await run(statusCommand, "--last", "0", "--day", "2026-02-28", "--topic", TOPIC);
  expect(after).toMatch(/erasures {2}2026-02-28 {2}1 {6}.* {2}5 {5}done\n/);
  expect(after).toMatch(/last compaction: 20.*Z, 5 files of 1 days merged into 1\n/);

  expect(await run(compactCommand, "--day", "2026-03-01")).toContain("days=1 files=5 merged=1 rows=5 days_left=0\n");
  expect(await run(compactCommand)).toBe("lake compact: nothing to do\n");
});

test.each([
  ["an invalid day", statusCommand, ["--day", "yesterday"], "must be a day, such as 2026-03-01"],
  ["an unknown topic", compactCommand, ["--topic", "other"], "Allowed choices are"],
])("rejects %s, and says why in one sentence", async (_name, make, flags, words) => {
  let said = "";
  const command = make({ write: () => true }, () => NOW_MS).exitOverride();
  command.configureOutput({ writeErr: (text) => (said += text) });
  await expect(command.parseAsync(flags, { from: "user" })).rejects.toThrow();
  expect(said).toContain(words);
});

test("publish covers every archived topic", async () => {
  const program = new URL("../../../../../training/iceberg/publish.py", import.meta.url);
  const [, list = ""] = /^TOPICS = \[\n([^\]]+)\]/m.exec(await readFile(program, "utf8")) ?? [];
  const topics = Array.from(list.matchAll(/"([^"]+)"/g), ([, topic]) => topic);
  expect(topics).toEqual(Object.values(LAKE_TABLES).map(({ topic }) => topic.name));
});

test("publish rejects an interval of zero in one sentence", async () => {
  let said = "";
  const command = publishCommand().exitOverride();
  command.configureOutput({ writeErr: (text) => (said += text) });
  await expect(command.parseAsync(["--every", "0"], { from: "user" })).rejects.toThrow();
  expect(said).toContain("It must be a number greater than 0 and at most 1440.");
});

test("reports a folder that is not a lake, and creates nothing in it", async () => {
  const other = await mkdtemp(join(tmpdir(), "tripline-lake-command-test-"));
  const command = compactCommand().parseAsync(["--lake", other], { from: "user" });
  await expect(command).rejects.toThrow(`There is no archive in ${other}.`);
  await rm(other, { recursive: true });
});
