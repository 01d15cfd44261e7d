import { TriplineError } from "@tripline/contracts/error-table";
import type { SequenceRange, StagedName } from "../lake-layout.js";
import {
  dayFolder,
  entryPath,
  filePath,
  logFolder,
  parseStagedName,
  replacedPath,
  sequenceOfFile,
  stagingFolder,
  topicFolder,
} from "../lake-layout.js";
import { addCheckpoint, CHECKPOINT_ENTRIES } from "./checkpoint.js";
import type { LakeDisk } from "./lake-disk.js";
import { sequencesOfDay, validSequences } from "./list-files.js";
import { isPublished, keepMergedFiles } from "./merged-files.js";
import type { LogEntry, Source, Tail } from "./read-log.js";
import { positionsOf, readEntry, readTail, tailFrom } from "./read-log.js";

/**
 * Maximum number of attempts per append. An attempt fails only if another writer adds an entry first, so the log always
 * makes progress.
 */
const APPEND_TRIES_MAX = 1_000;

/** A change that will be added as one entry. Its files are staged and durable. */
export interface Change {
  /** 16 random hexadecimal digits. */
  readonly id: string;
  /** Prefix of its staged files. */
  readonly prefix: string;
  /** By partition: the offsets [from, to) that the change covers. `from` must be equal to the lake's position. */
  readonly ranges: ReadonlyMap<number, { readonly from: number; readonly to: number }>;
  readonly files: LogEntry["files"];
  /** Consecutive files of a day, which must still exist; the change removes them. */
  readonly replaces: LogEntry["replaces"];
}

export interface TopicLogOptions {
  readonly disk: LakeDisk;
  readonly lake: string;
  readonly topic: string;
  /** The source of the rows. A writer that adds no rows from Kafka omits it, so that the lake keeps its source. */
  readonly source?: Source;
  /** Number of entries between two checkpoints. Default: 256 */
  readonly checkpointEntries?: number;
}

/**
 * The writing end of a topic's log. To write an entry, a finished file is linked under the next number, which only one
 * writer can do. From then on, the change is committed; moving its files is cleanup, which the next writer completes if
 * needed. Calls must be sequential, but any number of processes may each have a log on the same lake.
 */
export class TopicLog {
  readonly folder: string;
  readonly #disk: LakeDisk;
  #tail: Tail | undefined;
  /** The last entry whose files are known to be in place. */
  #finished = 0;
  /** The last entry for which a checkpoint was added or attempted. */
  #checkpointed = 0;

  constructor(private readonly options: TopicLogOptions) {
    this.folder = topicFolder(options.lake, options.topic);
    this.#disk = options.disk;
  }

  /** By partition: the offset up to which everything was in the lake when the log was last read. */
  get positions(): ReadonlyMap<number, number> {
    return positionsOf(this.#tail ?? { sequence: 0 });
  }

  /** The last entry when the log was last read; 0 if there was none. The files of all entries up to it are in place. */
  get sequence(): number {
    return this.#tail?.sequence ?? 0;
  }

  stagedPath(name: string): string {
    return `${stagingFolder(this.folder)}/${name}`;
  }

  /**
   * Reads the current end of the log, completes the cleanup of its last entry, and creates missing folders.
   *
   * @throws TriplineError `lake-unavailable`, `state-unreadable`; `state-conflict` for a lake from another source
   */
  async refresh(): Promise<void> {
    await this.#disk.makeFolder(stagingFolder(this.folder));
    await this.#disk.makeFolder(logFolder(this.folder));
    const known = await this.#knownTail();
    const tail = known ?? (await readTail(this.#disk, this.folder));
    if (known === undefined) {
      this.#finished = 0;
      this.#checkpointed = 0;
    }
    this.#requireSource(tail);
    await this.#finish(tail);
    this.#tail = tail;
    if (known === undefined) await this.#sweep(tail);
  }

  /**
   * Adds the change as the next log entry, unless another writer has already added any part of it. The log owns the
   * staged files from then on: they are moved to their days, or removed.
   *
   * @returns whether the change is in the lake; if not, `positions` includes what other writers added
   * @throws TriplineError `lake-unavailable`, `state-unreadable`, `state-conflict`. The change may still
   *   be in the lake: call `refresh` to find out
   */
  async append(change: Change): Promise<boolean> {
    if ([...change.ranges.values()].some(({ from, to }) => to < from)) {
      throw new TriplineError("internal", "A change would move a partition of the lake backwards.");
    }
    for (let tries = 0; tries < APPEND_TRIES_MAX; tries += 1) {
      const before = await this.#orRemove(change, () => this.#readyTail());
      if (await this.#orRemove(change, () => this.#isOvertaken(change, before))) {
        await this.#removeStaged(change);
        return false;
      }
      const format = await this.#orRemove(change, () => this.#formatOf(change));
      const added = await this.#tryAdd(change, before, format);
      if (added === undefined) continue;
      this.#tail = added;
      await this.#finish(added);
      await this.#sweep(added);
      await this.#addCheckpoint(added);
      return true;
    }
    await this.#removeStaged(change);
    throw new TriplineError("state-conflict", `Other writers keep adding to ${this.folder} before this one.`);
  }

  /** The end of the log, searched from the last known entry on; undefined if none is known or it no longer exists. */
  async #knownTail(): Promise<Tail | undefined> {
    const tail = this.#tail;
    if (tail === undefined || tail.sequence === 0) return undefined;
    if (!(await this.#disk.exists(entryPath(this.folder, tail.sequence)))) return undefined;
    return tailFrom(this.#disk, this.folder, tail);
  }

  /** The last known entry, after its cleanup has been completed. */
  async #readyTail(): Promise<Tail> {
    if (this.#tail === undefined) await this.refresh();
    const tail = this.#tail ?? { sequence: 0 };
    await this.#finish(tail);
    if (tail.sequence > 0 && !(await this.#disk.exists(entryPath(this.folder, tail.sequence)))) {
      this.#tail = undefined;
      const detail = `Entry ${tail.sequence} of the log in ${this.folder} is missing: the lake was changed manually.`;
      throw new TriplineError("state-conflict", detail);
    }
    return tail;
  }

  /** Whether other writers have already added part of the change, or removed files that it replaces. */
  async #isOvertaken({ ranges, replaces }: Change, tail: Tail): Promise<boolean> {
    const positions = positionsOf(tail);
    if ([...ranges].some(([partition, { from }]) => (positions.get(partition) ?? 0) !== from)) return true;
    for (const [day, files] of Map.groupBy(replaces, (file) => file.day)) {
      const present = await sequencesOfDay(this.#disk, this.folder, day);
      if (files.some(({ sequence }) => !present.includes(sequence))) return true;
    }
    return false;
  }

  /** See `LogEntry`. In a folder, every version removes only the files that an entry names. */
  async #formatOf({ replaces }: Change): Promise<LogEntry["format"]> {
    if (this.#disk.hasNoLateEffects) return 1;
    for (const [day, files] of Map.groupBy(replaces, (file) => file.day)) {
      const first = Math.min(...files.map(({ sequence }) => sequence));
      const present = await sequencesOfDay(this.#disk, this.folder, day);
      if (present.some((sequence) => sequence < first)) return 2;
    }
    return 1;
  }

  /** The new end of the log; undefined if another writer took that number. */
  async #tryAdd(change: Change, before: Tail, format: LogEntry["format"]): Promise<Tail | undefined> {
    const sequence = before.sequence + 1;
    const draft = this.stagedPath(`${change.prefix}.entry`);
    const entry = entryAfter(before, change, this.options.source, format);
    await this.#orRemove(change, async () => {
      await this.#disk.remove(draft);
      await this.#disk.writeFile(draft, `${JSON.stringify(entry)}\n`);
      await this.#disk.sync(stagingFolder(this.folder));
      // Prevents retries from leaving more and more staged rows if all entries are rejected.
      await this.#disk.requireLinks();
    });
    try {
      await this.#disk.linkNew(draft, entryPath(this.folder, sequence));
      await this.#disk.sync(logFolder(this.folder));
    } catch (thrown) {
      // A failed operation may have taken effect. In a store, it may even take effect later, until another entry has
      // the number.
      const there = await readEntry(this.#disk, this.folder, sequence);
      const cannotBe = there === undefined ? this.#disk.hasNoLateEffects : there.id !== change.id;
      if (cannotBe) await this.#removeStaged(change);
      throw thrown;
    }
    const found = await readEntry(this.#disk, this.folder, sequence);
    if (found?.id === change.id) return { sequence, entry: found };
    this.#tail = found === undefined ? undefined : { sequence, entry: found };
    return undefined;
  }

  #requireSource({ entry }: Tail): void {
    const { source, lake, topic } = this.options;
    if (entry === undefined || source === undefined) return;
    if (entry.source.cluster === source.cluster && entry.source.topic === source.topic) return;
    throw new TriplineError(
      "state-conflict",
      `The lake ${lake} contains ${topic} from topic ${entry.source.topic} of Kafka cluster ${entry.source.cluster}, not ` +
        `from topic ${source.topic} of cluster ${source.cluster}. Set LAKE_URL to another location, or move the existing lake.`,
    );
  }

  /** Moves the files of the last entry to their days and removes those it replaces, if that is still pending. */
  async #finish({ sequence, entry }: Tail): Promise<void> {
    if (entry === undefined || this.#finished >= sequence) return;
    const days = new Set([...entry.files, ...entry.replaces].map(({ day }) => dayFolder(this.folder, day)));
    for (const { day, staged } of entry.files) {
      const target = filePath(this.folder, day, sequence);
      await this.#disk.makeFolder(dayFolder(this.folder, day));
      const isMoved = await this.#disk.move(this.stagedPath(staged), target);
      if (!isMoved) await this.#requireFinished(target, sequence);
    }
    for (const folder of days) await this.#disk.sync(folder);
    // Only after the file with their rows is in place, so that each row is always in a file.
    for (const [day, files] of Map.groupBy(entry.replaces, (file) => file.day)) {
      const replaced = files.map((file) => file.sequence);
      if (await isPublished(this.#disk, this.options.lake, this.options.topic)) {
        const marker = replacedPath(this.folder, day, this.#rangeOf(replaced, entry.format));
        await keepMergedFiles(this.#disk, this.folder, sequence, marker);
      } else {
        await this.#removeReplaced(day, replaced, entry.format);
      }
    }
    await this.#disk.sync(stagingFolder(this.folder));
    this.#finished = sequence;
  }

  /**
   * A merge replaces consecutive files of its day, so all files between the first and the last of them are obsolete. In
   * an object store, if there are no earlier files, everything before the last one is also obsolete.
   */
  #rangeOf(sequences: readonly number[], format: LogEntry["format"]): SequenceRange {
    const isFromStart = format === 1 && !this.#disk.hasNoLateEffects;
    return { first: isFromStart ? 1 : Math.min(...sequences), last: Math.max(...sequences) };
  }

  async #removeReplaced(day: string, sequences: readonly number[], format: LogEntry["format"]): Promise<void> {
    let useless = sequences;
    if (!this.#disk.hasNoLateEffects) {
      await this.#disk.writeFile(replacedPath(this.folder, day, this.#rangeOf(sequences, format)), "");
      // Also removes files that a late move has restored since an earlier merge.
      const names = await this.#disk.list(dayFolder(this.folder, day));
      const valid = new Set(validSequences(names));
      useless = names.flatMap((name) => sequenceOfFile(name) ?? []).filter((sequence) => !valid.has(sequence));
    }
    for (const sequence of useless) await this.#disk.remove(filePath(this.folder, day, sequence));
  }

  /** A file that is neither staged nor in place was replaced by a later entry, or is lost. */
  async #requireFinished(target: string, sequence: number): Promise<void> {
    if (await this.#disk.exists(target)) return;
    if (await this.#disk.exists(entryPath(this.folder, sequence + 1))) return;
    const detail = `${target} is missing, although entry ${sequence} of the log added it. Restore it from a copy.`;
    throw new TriplineError("state-unreadable", detail);
  }

  /**
   * Removes files that other writers staged but can never add: those with rows that the lake already contains, and
   * compactions of removed files. Files that can still be added are kept, so that slow writers lose nothing.
   */
  async #sweep(tail: Tail): Promise<void> {
    const positions = positionsOf(tail);
    for (const name of await this.#disk.list(stagingFolder(this.folder))) {
      const staged = parseStagedName(name);
      if (staged === undefined) continue;
      if (await this.#isPast(staged, positions)) await this.#disk.remove(this.stagedPath(name));
    }
  }

  async #isPast(staged: StagedName, positions: ReadonlyMap<number, number>): Promise<boolean> {
    // Another writer may still need the file, but it can also add its checkpoint later.
    if (staged.kind === "checkpoint") return true;
    if (staged.kind === "rows") return staged.from < (positions.get(staged.partition) ?? 0);
    return !(await sequencesOfDay(this.#disk, this.folder, staged.day)).includes(staged.firstReplaced);
  }

  /**
   * Never fails, because without a checkpoint, opening the log only takes more requests. The next attempt follows after
   * the same number of entries.
   */
  async #addCheckpoint({ sequence, entry }: Tail): Promise<void> {
    const { checkpointEntries: entries = CHECKPOINT_ENTRIES } = this.options;
    if (entry === undefined || sequence - this.#checkpointed < entries) return;
    const added = await addCheckpoint(this.#disk, this.folder, { sequence, entry }, entries).catch(() => sequence);
    this.#checkpointed = added;
  }

  async #orRemove<T>(change: Change, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      await this.#removeStaged(change);
      throw thrown;
    }
  }

  /** Never fails: files that cannot be removed now are removed later. */
  async #removeStaged({ prefix, files }: Change): Promise<void> {
    const names = [...files.map(({ staged }) => staged), `${prefix}.entry`];
    await Promise.allSettled(names.map((name) => this.#disk.remove(this.stagedPath(name))));
  }
}

function entryAfter({ entry }: Tail, change: Change, source: Source | undefined, format: LogEntry["format"]): LogEntry {
  const from = source ?? entry?.source;
  if (from === undefined) throw new TriplineError("internal", "A log without entries requires a source.");
  const moved = [...change.ranges].map(([partition, { to }]) => [partition, to]);
  return {
    format,
    id: change.id,
    source: from,
    positions: { ...entry?.positions, ...Object.fromEntries(moved) },
    files: change.files,
    replaces: change.replaces,
  };
}
