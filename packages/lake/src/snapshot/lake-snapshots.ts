import { randomBytes } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { snapshotsFolder } from "../lake-layout.js";
import type { LakeDisk } from "../log/lake-disk.js";
import type { CountedStart, SourcePositions, TopicStart } from "../read/counted-range.js";
import { byCountedName } from "../read/counted-range.js";
import { readSnapshot } from "./read-snapshot.js";
import type { SnapshotEntry, SnapshotHeader } from "./snapshot-format.js";
import { unreadable } from "./snapshot-format.js";
import { writeSnapshotFile } from "./write-snapshot.js";

/*
 * A lake's snapshot of all states:
 *
 *   <lake>/_snapshots/<id>/first-00000.bin   states of the spec's first entity, from this hash slot on
 *   <lake>/_snapshots/<id>/others-00000.bin  states of the other entities
 *   <lake>/_snapshots/<id>/manifest.json     written last: without it, the other files are not a snapshot
 *
 * An id begins with the time, so ids sort by time.
 */
const MANIFEST = "manifest.json";
const FORMAT = 1;
const ID_PATTERN = /^(\d{14})-[0-9a-f]{8}$/;
const ID_DIGITS = 14;
/** If a snapshot was begun longer ago than this, it is no longer being written. */
const UNFINISHED_MS_MAX = 86_400_000;

export const PARTS = ["first", "others"] as const;
export type Part = (typeof PARTS)[number];

const offsets = z.record(z.string().regex(/^\d+$/), z.int().min(0));
const start = z.strictObject({ source: z.string(), since: z.int().min(0), ordered: offsets, counted: offsets });
const slice = z.strictObject({
  part: z.enum(PARTS),
  /** Hash slots of its keys: the first one, and the one after the last. */
  slots: z.tuple([z.int().min(0), z.int().min(1)]),
  entries: z.int().min(0),
  bytes: z.int().min(0),
  /** CRC-32 of its contents. */
  sum: z.int().min(0),
});
const manifest = z.strictObject({
  format: z.literal(FORMAT),
  takenAtMs: z.int().min(0),
  specVersion: z.int(),
  /** Fingerprint of the layout of all states. */
  fingerprint: z.int().min(0),
  /** The start of the records that the snapshot's states lack. */
  next: z.strictObject({
    features: start,
    appliedLabels: start,
    // Absent in snapshots of a service that did not read payment updates.
    appliedPaymentUpdates: start.default({ source: "", since: 0, ordered: {}, counted: {} }),
  }),
  /** The archived positions of the topics that the feature service reads. */
  sources: z.strictObject({ transactions: offsets, labels: offsets, paymentUpdates: offsets.default({}) }),
  /** Labels that the first entity explained but that states of other entities still lack: see `FoldDecisions`. */
  explained: z.array(z.string()),
  slices: z.array(slice),
});

export type Slice = z.infer<typeof slice>;

/** The contents of a snapshot, except for its slices. */
export interface SnapshotContents {
  readonly takenAtMs: number;
  readonly specVersion: number;
  readonly fingerprint: number;
  readonly next: CountedStart;
  /** Records that the feature service read after these positions have no results before `next`. */
  readonly sources: SourcePositions;
  readonly explained: readonly string[];
}

/** A complete snapshot. */
export interface LakeSnapshot extends SnapshotContents {
  readonly id: string;
  readonly slices: readonly Slice[];
}

/** A new snapshot, incomplete until `finish`. Methods throw TriplineError `lake-unavailable`. */
export class SnapshotDraft {
  readonly #slices: Slice[] = [];

  private constructor(
    private readonly disk: LakeDisk,
    private readonly folder: string,
    readonly id: string,
  ) {}

  static async begin(disk: LakeDisk, lake: string, nowMs: number): Promise<SnapshotDraft> {
    const id = `${String(nowMs).padStart(ID_DIGITS, "0")}-${randomBytes(4).toString("hex")}`;
    const folder = folderOf(lake, id);
    await disk.makeFolder(folder);
    return new SnapshotDraft(disk, folder, id);
  }

  async add(
    { part, slots }: Pick<Slice, "part" | "slots">,
    header: SnapshotHeader,
    entries: Iterable<SnapshotEntry>,
  ): Promise<void> {
    await this.disk.produce(`${this.folder}/${fileOf({ part, slots })}`, async (local) => {
      const written = await writeSnapshotFile(local, header, entries);
      this.#slices.push({ part, slots, entries: header.entries, ...written });
    });
  }

  /** Deletes the written files. */
  async abandon(): Promise<void> {
    for (const name of await this.disk.list(this.folder)) await this.disk.remove(`${this.folder}/${name}`);
  }

  async finish(contents: SnapshotContents): Promise<LakeSnapshot> {
    await this.disk.sync(this.folder);
    const next = byCountedName((name) => storedStart(contents.next[name]));
    const { transactions, labels, paymentUpdates } = contents.sources;
    const sources = {
      transactions: Object.fromEntries(transactions),
      labels: Object.fromEntries(labels),
      paymentUpdates: Object.fromEntries(paymentUpdates),
    };
    const written = { format: FORMAT, ...contents, next, sources, slices: this.#slices };
    await this.disk.writeFile(`${this.folder}/${MANIFEST}`, JSON.stringify(written));
    await this.disk.sync(this.folder);
    return { ...contents, id: this.id, slices: this.#slices };
  }
}

/**
 * The complete snapshots of a lake, newest first.
 *
 * @param onUnreadable receives a sentence about each snapshot that this version cannot read
 * @throws TriplineError `lake-unavailable`
 */
export async function* listSnapshots(
  disk: LakeDisk,
  lake: string,
  onUnreadable: (sentence: string) => void,
): AsyncGenerator<LakeSnapshot> {
  for (const id of await idsIn(disk, lake)) {
    const path = `${folderOf(lake, id)}/${MANIFEST}`;
    const text = await disk.read(path);
    if (text === undefined) continue;
    try {
      yield decodeManifest(path, id, text);
    } catch (thrown) {
      if (!(thrown instanceof TriplineError)) throw thrown;
      onUnreadable(thrown.message);
    }
  }
}

/**
 * The time of the newest complete snapshot; undefined if there is none. Reads no manifest.
 *
 * @throws TriplineError `lake-unavailable`
 */
export async function newestSnapshotAtMs(disk: LakeDisk, lake: string): Promise<number | undefined> {
  for (const id of await idsIn(disk, lake)) {
    if (await disk.exists(`${folderOf(lake, id)}/${MANIFEST}`)) return timeOf(id);
  }
  return undefined;
}

/**
 * The states of a slice. The entries are valid only if all of them were read without an error.
 *
 * @throws TriplineError `state-unreadable` for a slice that is damaged or missing; `lake-unavailable`
 */
export async function* readSlice(
  disk: LakeDisk,
  lake: string,
  { id, fingerprint }: LakeSnapshot,
  part: Slice,
): AsyncGenerator<SnapshotEntry> {
  const path = `${folderOf(lake, id)}/${fileOf(part)}`;
  const held = (await disk.exists(path)) ? await disk.hold([path]) : undefined;
  const [local] = held?.paths ?? [];
  if (held === undefined || local === undefined) throw unreadable(path, "no longer exists");
  try {
    const requireSame = (header: SnapshotHeader) => {
      if (header.fingerprint !== fingerprint) throw unreadable(path, "has a different feature spec than its manifest");
    };
    for await (const entry of readSnapshot(local, requireSame, part.sum)) yield entry;
  } catch (thrown) {
    if (thrown instanceof TriplineError && thrown.code === "state-unreadable" && local !== path) {
      throw new TriplineError("state-unreadable", thrown.message.replace(local, path), [], { cause: thrown });
    }
    throw thrown;
  } finally {
    await held.release();
  }
}

/** Which snapshots to keep. */
export interface SnapshotRetention {
  /** Maximum number of snapshots; at least 1. */
  readonly kept: number;
  /** Older snapshots are deleted, except for the newest one. */
  readonly ageMsMax: number;
}

/**
 * Removes old snapshots, and the files of unfinished snapshots.
 *
 * @returns the number of removed snapshots
 * @throws TriplineError `lake-unavailable`
 */
export async function dropSnapshots(
  disk: LakeDisk,
  lake: string,
  { kept, ageMsMax }: SnapshotRetention,
  nowMs: number,
): Promise<number> {
  let complete = 0;
  let dropped = 0;
  for (const id of await idsIn(disk, lake)) {
    const folder = folderOf(lake, id);
    const names = await disk.list(folder);
    const ageMs = nowMs - timeOf(id);
    const isComplete = names.includes(MANIFEST);
    if (isComplete) complete += 1;
    const isOld = isComplete ? complete > kept || (complete > 1 && ageMs > ageMsMax) : ageMs > UNFINISHED_MS_MAX;
    if (!isOld || names.length === 0) continue;
    // Removes the manifest first, because readers ignore a snapshot without a manifest.
    for (const name of names.toSorted((a, b) => Number(b === MANIFEST) - Number(a === MANIFEST))) {
      await disk.remove(`${folder}/${name}`);
    }
    dropped += 1;
  }
  return dropped;
}

async function idsIn(disk: LakeDisk, lake: string): Promise<string[]> {
  const names = await disk.list(snapshotsFolder(lake));
  return names
    .filter((name) => ID_PATTERN.test(name))
    .toSorted()
    .toReversed();
}

function timeOf(id: string): number {
  return Number(ID_PATTERN.exec(id)?.[1]);
}

function folderOf(lake: string, id: string): string {
  return `${snapshotsFolder(lake)}/${id}`;
}

function fileOf({ part, slots }: Pick<Slice, "part" | "slots">): string {
  return `${part}-${String(slots[0]).padStart(5, "0")}.bin`;
}

function decodeManifest(path: string, id: string, text: string): LakeSnapshot {
  const json = parsedJson(text);
  const format = z.object({ format: z.int() }).safeParse(json);
  if (format.success && format.data.format !== FORMAT) {
    throw unreadable(path, `has format ${format.data.format}, but this build reads ${FORMAT}`);
  }
  const result = manifest.safeParse(json);
  if (!result.success) throw unreadable(path, "is not the manifest of a snapshot");
  const { next, sources, format: _, ...contents } = result.data;
  return {
    ...contents,
    id,
    next: byCountedName((name) => startOf(next[name])),
    sources: {
      transactions: mapOf(sources.transactions),
      labels: mapOf(sources.labels),
      paymentUpdates: mapOf(sources.paymentUpdates),
    },
  };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function storedStart({ source, since, ordered, counted }: TopicStart): z.infer<typeof start> {
  return { source, since, ordered: Object.fromEntries(ordered), counted: Object.fromEntries(counted) };
}

function startOf({ source, since, ordered, counted }: z.infer<typeof start>): TopicStart {
  return { source, since, ordered: mapOf(ordered), counted: mapOf(counted) };
}

function mapOf(stored: z.infer<typeof offsets>): ReadonlyMap<number, number> {
  return new Map(Object.entries(stored).map(([partition, offset]) => [Number(partition), offset]));
}
