import { cp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { FolderDisk } from "@tripline/lake/log/folder-disk";
import { SnapshotDraft } from "@tripline/lake/snapshot/lake-snapshots";
import { StateEraser } from "../erasures/state-eraser.js";
import { cardOf } from "../testing/events.js";
import { SMALL_MEMORY_BYTES, TestHistory } from "../testing/history.js";
import { engine } from "../testing/instance.js";
import { randomEvents } from "../testing/random-events.js";

let history: TestHistory;
let notes: string[];

beforeEach(async () => {
  history = await TestHistory.open();
  notes = [];
});
afterEach(() => history.close());

const onNote = (sentence: string) => notes.push(sentence);

async function count(name: string, size: number, seed: number): Promise<void> {
  await history.producer.send(randomEvents(name, size, seed));
  await history.count();
}

async function erase(subject: string): Promise<Erasure> {
  await new StateEraser(history.redis, engine).erase("demo", subject);
  const erasedAtMs = Date.now();
  // The next event is counted at a different time.
  await delay(2);
  return { tenant: "demo", subject, erasedAtMs };
}

test("a snapshot and the later events restore the lost states byte for byte", async () => {
  await count("a", 120, 1);
  await history.archive();
  const first = await history.snapshot();
  expect(first).toMatchObject({ events: 120, dropped: 0 });

  // Taken while the archive lags on some partitions, so other partitions wait for their events.
  await count("b", 120, 2);
  await history.archive(["features", "appliedLabels"], (partition) => partition % 2 === 1);
  const before = await erase(cardOf(3));
  const second = await history.snapshot({ erasures: async () => [before] });
  expect(second.continues).toBe(first.id);
  expect(second.events).toBeGreaterThan(0);
  expect(second.events).toBeLessThan(120);

  await count("c", 60, 3);
  const erasures = [before, await erase(cardOf(5))];
  await count("d", 60, 4);
  await history.archive();
  const undisturbed = await history.states();
  await history.redis.flushdb();
  const report = await history.rebuild({ onNote, erasures: async () => erasures });
  expect(await history.states()).toEqual(undisturbed);
  expect(report).toMatchObject({ snapshot: second.id, incomplete: 0, doubled: 0, flagged: 0 });
  expect(report.events).toBeLessThan(300);

  await history.redis.flushdb();
  const all = await history.rebuild({ isFromScratch: true, erasures: async () => erasures });
  expect(all).toMatchObject({ events: 360 });
  expect(await history.states()).toEqual(undisturbed);
  expect(notes).toEqual([]);
  // A lake that is not writable.
  await rm(join(history.lake, "_snapshots"), { recursive: true });
  await writeFile(join(history.lake, "_snapshots"), "no folder");
  await history.redis.flushdb();
  const inSlices = { isFromScratch: true, memoryBytes: SMALL_MEMORY_BYTES, workers: 2, erasures: async () => erasures };
  expect(await history.rebuild({ ...inSlices, onNote })).toMatchObject({ events: 360 });
  expect(await history.states()).toEqual(undisturbed);
  expect(notes).toEqual([
    expect.stringMatching(
      /^The states are restored, but the snapshot of them could not be written to the lake: .*_snapshots/,
    ),
  ]);
});

test("events counted while states were lost are added to the snapshot once, and the rebuilt states become the next snapshot", async () => {
  await count("a", 150, 5);
  await history.archive();
  const taken = await history.snapshot();
  // After the loss, more records than a card remembers are redelivered.
  await history.producer.send(randomEvents("b", 200, 6));
  await history.count({ commit: (_topic, _partition, end) => Math.floor(end / 3) });
  await history.redis.flushdb();
  await history.producer.send(randomEvents("c", 50, 7));
  await history.count();
  await history.archive();
  await expect(history.snapshot()).rejects.toMatchObject({ code: "state-incomplete" });

  const report = await history.rebuild({ onNote, workers: 2 });
  expect(report).toMatchObject({ snapshot: taken.id, events: 250, incomplete: 50, doubled: 0 });
  expect(report.published).toEqual(expect.any(String));
  const restored = await history.states();
  await history.redis.flushdb();
  expect(await history.rebuild({ onNote })).toMatchObject({ snapshot: report.published, events: 0, incomplete: 0 });
  expect(await history.states()).toEqual(restored);
  await history.redis.flushdb();
  expect(await history.rebuild({ isFromScratch: true })).toMatchObject({ events: 400, incomplete: 50 });
  expect(await history.states()).toEqual(restored);
  expect(notes).toEqual([]);

  await history.producer.send(randomEvents("d", 50, 8));
  await history.serve();
  expect(await history.differences()).toEqual({ counted: 450, stuck: 0, differing: [] });
});

test("events emitted after the snapshot but not committed are not counted again", async () => {
  await count("a", 60, 14);
  await history.archive();
  const taken = await history.snapshot();
  await history.producer.send(randomEvents("b", 60, 15));
  await history.count({ commit: (_topic, _partition, end) => end - 1 });
  await history.redis.flushdb();
  await history.archive();
  expect(await history.rebuild({ onNote })).toMatchObject({ snapshot: taken.id, events: 60, doubled: 0 });
  await history.producer.send(randomEvents("c", 20, 16));
  await history.serve();
  expect([...(await history.emitted()).different.values()]).toEqual(Array(140).fill(1));
  expect(await history.differences()).toEqual({ counted: 140, stuck: 0, differing: [] });
});

test("reports an unusable snapshot in one sentence, and uses the previous one", async () => {
  await count("a", 60, 9);
  await history.archive();
  const older = await history.snapshot();
  await count("b", 60, 10);
  await history.archive();
  const newer = await history.snapshot();
  const undisturbed = await history.states();
  const folder = join(history.lake, "_snapshots", newer.id);
  const manifest = join(folder, "manifest.json");
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const slice = join(folder, names.find((name, at) => name.endsWith(".bin") && (sizes[at] ?? 0) > 100) ?? "");
  const change = async (changed: object) =>
    writeFile(manifest, JSON.stringify({ ...JSON.parse(await readFile(manifest, "utf8")), ...changed }));
  const flipByte = async () => {
    const bytes = await readFile(slice);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    await writeFile(slice, bytes);
  };
  const cases: [spoil: () => Promise<void>, sentence: RegExp | undefined][] = [
    [flipByte, /is unusable: .*-\d{5}\.bin is damaged\.$/],
    [() => rm(slice), /is unusable: .*\.bin no longer exists\.$/],
    [() => change({ format: 9 }), /manifest\.json has format 9, but this build reads 1\.$/],
    [() => change({ fingerprint: 1 }), /was made for feature spec \d+, which has other windows, so it is not used\.$/],
    [() => truncate(manifest, 200), /manifest\.json is not the manifest of a snapshot\.$/],
    // This one is still being written.
    [() => rm(manifest), undefined],
  ];
  const backup = join(history.lake, "_backup");
  await cp(folder, backup, { recursive: true });
  for (const [spoil, sentence] of cases) {
    notes = [];
    await spoil();
    await history.redis.flushdb();
    const { published = "none", ...report } = await history.rebuild({ onNote });
    expect(report).toMatchObject({ snapshot: older.id, events: 60 });
    expect(await history.states()).toEqual(undisturbed);
    expect(notes).toEqual(sentence === undefined ? [] : [expect.stringMatching(sentence)]);
    // Removes the new snapshot, so that the next case finds the damaged one.
    await rm(join(history.lake, "_snapshots", published), { recursive: true });
    await rm(folder, { recursive: true });
    await cp(backup, folder, { recursive: true });
  }
  await flipByte();
  notes = [];
  expect((await history.snapshot({ onNote })).continues).toBe(older.id);
  expect(notes).toEqual([expect.stringMatching(/cannot be resumed: .* is damaged\.$/)]);
});

test("removes old snapshots, and one that has been unfinished for more than a day", async () => {
  await count("a", 20, 11);
  await history.archive();
  const ids: string[] = [];
  const unfinished = await SnapshotDraft.begin(new FolderDisk(), history.lake, Date.now() - 2 * 86_400_000);
  await unfinished.add({ part: "first", slots: [0, 1] }, { specVersion: 1, fingerprint: 1, entries: 0 }, []);
  let dropped = 0;
  for (let turn = 0; turn < 3; turn += 1) {
    const taken = await history.snapshot();
    ids.push(taken.id);
    dropped += taken.dropped;
  }
  expect(dropped).toBe(2);
  const isLeft = async (id: string) => (await readdir(join(history.lake, "_snapshots", id))).length > 0;
  expect(await Promise.all([...ids, unfinished.id].map(isLeft))).toEqual([false, true, true, false]);
});

test("takes no snapshot of a lake that lacks a record, and starts over if the windows have changed", async () => {
  await count("a", 40, 12);
  await history.archive();
  await history.snapshot();
  const spec = currentFeatureSpec();
  const { "1d": day } = spec.windows;
  if (day === undefined) throw new Error("a spec without a window of one day");
  const wider = compileEngine({ ...spec, windows: { ...spec.windows, "1d": { ...day, tile: 2 * day.tile } } });
  const other = await history.snapshot({ engine: wider });
  expect(other).toMatchObject({ events: 40 });
  expect(other.continues).toBeUndefined();
  await history.redis.flushdb();
  expect(await history.rebuild({ engine: wider, onNote })).toMatchObject({ snapshot: other.id, events: 0 });

  await count("b", 10, 13);
  await history.archiveWithout("features", ({ offset }) => offset > 3);
  await history.archive(["appliedLabels"]);
  await expect(history.snapshot({ readMark: async () => "of the other windows" })).rejects.toMatchObject({
    code: "state-conflict",
    message: expect.stringMatching(/would not be exact: .*records of features/),
  });
});
