import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ObjectStore } from "@tripline/object-store/object-store";
import type { Body } from "@tripline/object-store/store-driver";
import { MemoryDriver } from "@tripline/object-store/testing/memory-driver";
import { snapshotsFolder } from "../lake-layout.js";
import { FileCache } from "../log/file-cache.js";
import type { LakeDisk } from "../log/lake-disk.js";
import { StoreDisk } from "../log/store-disk.js";
import { FROM_BEGINNING } from "../read/counted-range.js";
import type { TestLake } from "../testing/lakes.js";
import { FolderLake, MemoryLake } from "../testing/lakes.js";
import type { LakeSnapshot } from "./lake-snapshots.js";
import { dropSnapshots, listSnapshots, newestSnapshotAtMs, readSlice, SnapshotDraft } from "./lake-snapshots.js";
import type { SnapshotEntry } from "./snapshot-format.js";

const START = { source: "c/t", since: 3, ordered: new Map([[0, 5]]), counted: new Map([[0, 9]]) };
const LAYOUT = { specVersion: 6, fingerprint: 7 };

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "tripline-lake-test-"));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const entriesOf = (name: string): SnapshotEntry[] => [[`state:${name}`, Buffer.from(name), 5]];

async function write(disk: LakeDisk, lake: string, takenAtMs: number, name: string): Promise<LakeSnapshot> {
  const draft = await SnapshotDraft.begin(disk, lake, takenAtMs);
  await draft.add({ part: "first", slots: [0, 16_384] }, { ...LAYOUT, entries: 1 }, entriesOf(name));
  await draft.add({ part: "others", slots: [0, 16_384] }, { ...LAYOUT, entries: 0 }, []);
  const next = { features: START, appliedLabels: START, appliedPaymentUpdates: START };
  const sources = { transactions: new Map([[0, 1]]), labels: new Map(), paymentUpdates: new Map([[1, 2]]) };
  return draft.finish({ takenAtMs, ...LAYOUT, next, sources, explained: ["l_1 2"] });
}

/** A disk that records copies of slices. */
function readerOf(lake: TestLake): LakeDisk {
  if (!(lake instanceof MemoryLake)) return lake.disk;
  return new StoreDisk(new ObjectStore(lake.lake, lake.driver), new FileCache(cache, 1 << 20));
}

async function newest(lake: TestLake): Promise<{ snapshot: LakeSnapshot; entries: SnapshotEntry[] } | undefined> {
  const disk = readerOf(lake);
  const unreadable: string[] = [];
  for await (const snapshot of listSnapshots(disk, lake.lake, (sentence) => unreadable.push(sentence))) {
    const entries: SnapshotEntry[] = [];
    for (const slice of snapshot.slices) {
      for await (const entry of readSlice(disk, lake.lake, snapshot, slice)) entries.push(entry);
    }
    return { snapshot, entries };
  }
  return undefined;
}

describe.each([
  ["a folder", () => FolderLake.open()],
  ["an object store", async () => new MemoryLake()],
])("snapshots in %s", (_name, open) => {
  let lake: TestLake;

  beforeEach(async () => {
    lake = await open();
  });
  afterEach(() => lake.clear());

  test("a snapshot is read as it was written", async () => {
    expect(await newest(lake)).toBeUndefined();
    expect(await newestSnapshotAtMs(lake.disk, lake.lake)).toBeUndefined();
    const written = await write(lake.disk, lake.lake, 1_000, "one");
    expect(await newest(lake)).toEqual({ snapshot: written, entries: entriesOf("one") });
    expect(await newestSnapshotAtMs(lake.disk, lake.lake)).toBe(1_000);
  });

  test("a snapshot of a service that did not read payment updates lacks all of them", async () => {
    const { id } = await write(lake.disk, lake.lake, 1_000, "one");
    const path = `${snapshotsFolder(lake.lake)}/${id}/manifest.json`;
    const { next, sources, ...others } = JSON.parse((await lake.disk.read(path)) ?? "");
    const { appliedPaymentUpdates: _, ...olderNext } = next;
    const { paymentUpdates: __, ...olderSources } = sources;
    await lake.disk.remove(path);
    await lake.disk.writeFile(path, JSON.stringify({ ...others, next: olderNext, sources: olderSources }));
    const { snapshot } = (await newest(lake)) ?? {};
    expect(snapshot?.next).toEqual({ ...FROM_BEGINNING, features: START, appliedLabels: START });
    expect(snapshot?.sources.paymentUpdates).toEqual(new Map());
  });

  test.each([
    ["before", false],
    ["after", true],
  ])(
    "a writer that dies %s any of its operations leaves the older snapshot or a complete new one",
    async (_when, isDone) => {
      const ends = new Set<string>();
      for (let dieAt = 1; ; dieAt += 1) {
        await lake.clear();
        await write(lake.disk, lake.lake, 1_000, "one");
        const { disk, life } = lake.mortal(dieAt, isDone);
        const isWritten = await write(disk, lake.lake, 2_000, "two").then(
          () => true,
          () => false,
        );
        const found = await newest(lake);
        const [entry] = found?.entries ?? [];
        ends.add(entry?.[0] ?? "none");
        if (isWritten) expect(entry).toEqual(entriesOf("two")[0]);
        await write(lake.disk, lake.lake, 3_000, "three");
        expect(await dropSnapshots(lake.disk, lake.lake, { kept: 1, ageMsMax: 1 }, 90_000_000)).toBeGreaterThan(0);
        expect((await newest(lake))?.entries).toEqual(entriesOf("three"));
        if (!life.isDead) break;
      }
      expect([...ends].sort()).toEqual(["state:one", "state:two"]);
    },
  );
});

test("reports in one sentence that a bucket denies writes", async () => {
  class Denying extends MemoryDriver {
    override put = async (_key: string, _body: Body, _isNew: boolean): Promise<boolean> => {
      throw new Error("AccessDenied");
    };
    override faultOf = () => ({ kind: "denied", reason: "AccessDenied" }) as const;
  }
  const disk = new StoreDisk(new ObjectStore("memory://lake", new Denying()), new FileCache(cache, 1));
  await expect(write(disk, "memory://lake", 1_000, "one")).rejects.toMatchObject({
    code: "lake-unavailable",
    message: expect.stringMatching(/first-00000\.bin cannot be written.*AccessDenied/),
  });
});
