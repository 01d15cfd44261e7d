import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { readSnapshot } from "./read-snapshot.js";
import type { SnapshotEntry } from "./snapshot-format.js";
import { writeSnapshotFile } from "./write-snapshot.js";

const HEADER = { specVersion: 6, fingerprint: 7, entries: 2 };
const ENTRIES: SnapshotEntry[] = [
  ["state:card:x", Buffer.from("one"), 1_700_000_000_000],
  ["state:terminal:ü", Buffer.from("two")],
];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-snapshot-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function read(path: string, sum?: number): Promise<SnapshotEntry[]> {
  const entries: SnapshotEntry[] = [];
  for await (const entry of readSnapshot(path, () => {}, sum)) entries.push(entry);
  return entries;
}

test("reads entries with their times, and rejects a file with an unexpected checksum", async () => {
  const path = join(folder, "states.bin");
  const { bytes, sum } = await writeSnapshotFile(path, HEADER, ENTRIES);
  expect((await readFile(path)).length).toBe(bytes);
  expect(await read(path, sum)).toEqual(ENTRIES);
  await expect(read(path, sum + 1)).rejects.toMatchObject({ code: "state-unreadable", message: `${path} is damaged.` });
});

test("a snapshot of format 2 has no times", async () => {
  const item = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  };
  const header = Buffer.alloc(28);
  header.write("TRIPSNAP", "latin1");
  for (const [index, number] of [2, 6, 7].entries()) header.writeUInt32LE(number, 8 + 4 * index);
  header.writeBigUInt64LE(2n, 20);
  const body = Buffer.concat([
    header,
    ...ENTRIES.flatMap(([key, value]) => [...item(Buffer.from(key)), ...item(value)]),
  ]);
  const trailer = Buffer.alloc(4);
  trailer.writeUInt32LE(crc32(body));
  const path = join(folder, "old.bin");
  await writeFile(path, Buffer.concat([body, trailer]));
  expect(await read(path)).toEqual(ENTRIES.map(([key, value]) => [key, value]));
});
