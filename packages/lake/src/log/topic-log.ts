import { TriplineError } from "@tripline/contracts/error-table";
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
import type { LakeDisk } from "./lake-disk.js";
import { sequencesOfDay } from "./list-files.js";
import type { LogEntry, Source, Tail } from "./read-log.js";
import { positionsOf, readEntry, readTail } from "./read-log.js";

/** How often one append gives way to entries of other writers, of which each adds something. */
const APPEND_TRIES_MAX = 1_000;

/** What is to become one entry. Its files are staged and durable. */
export interface Change {
  /** 16 random hexadecimal digits. */
  readonly id: string;
  /** How the names of its staged files begin. */
  readonly prefix: string;
  /** By partition: the offsets [from, to) that it covers. `from` is where the lake has to be. */
  readonly ranges: ReadonlyMap<number, { readonly from: number; readonly to: number }>;
  readonly files: LogEntry["files"];
  /** Files that have to be there still, and are removed. */
  readonly replaces: LogEntry["replaces"];
}

export interface TopicLogOptions {
  readonly disk: LakeDisk;
  readonly lake: string;
  readonly topic: string;
  /** Where rows come from. Absent for a writer that adds none from Kafka: then that of the lake. */
  readonly source?: Source;
}

/**
 * The writing end of a topic's log. An entry is made by giving a finished file the next number as its name, which only
 * one writer can do. From then on the change counts; moving its files is tidying up, which the next writer completes
 * if needed. Calls must come one after the other; any number of processes may each have a log on the same lake.
 */
export class TopicLog {
  readonly folder: string;
  readonly #disk: LakeDisk;
  #tail: Tail | undefined;
  /** The last entry whose files are known to be at their place. */
  #finished = 0;

  constructor(private readonly options: TopicLogOptions) {
    this.folder = topicFolder(options.lake, options.topic);
    this.#disk = options.disk;
  }

  /** By partition: the offset up to which everything was in the lake when the log was last looked at. */
  get positions(): ReadonlyMap<number, number> {
    return positionsOf(this.#tail ?? { sequence: 0 });
  }

  stagedPath(name: string): string {
    return `${stagingFolder(this.folder)}/${name}`;
  }

  /**
   * Looks where the log ends now, completes what its last entry began, and makes the folders where they are missing.
   *
   * @throws TriplineError `lake-unavailable`, `state-unreadable`; `state-conflict` for a lake of another source
   */
  async refresh(): Promise<void> {
    await this.#disk.makeFolder(stagingFolder(this.folder));
    await this.#disk.makeFolder(logFolder(this.folder));
    const known = await this.#knownTail();
    const tail = known ?? (await readTail(this.#disk, this.folder));
    if (known === undefined) this.#finished = 0;
    this.#requireSource(tail);
    await this.#finish(tail);
    this.#tail = tail;
    if (known === undefined) await this.#sweep(tail);
  }

  /**
   * Makes the change the next entry of the log, unless another writer was faster with any of it. The staged files belong
   * to the log from then on: they are moved to their days, or removed.
   *
   * @returns whether it is in the lake; if not, `positions` say how far others are
   * @throws TriplineError `lake-unavailable`, `state-unreadable`, `state-conflict`: then it may be in the lake, and
   *   `refresh` finds out
   */
  async append(change: Change): Promise<boolean> {
    if ([...change.ranges.values()].some(({ from, to }) => to < from)) {
      throw new TriplineError("internal", "A change would put a partition of the lake back.");
    }
    for (let tries = 0; tries < APPEND_TRIES_MAX; tries += 1) {
      const before = await this.#orRemove(change, () => this.#readyTail());
      if (await this.#orRemove(change, () => this.#isOvertaken(change, before))) {
        await this.#removeStaged(change);
        return false;
      }
      const added = await this.#tryAdd(change, before);
      if (added === undefined) continue;
      this.#tail = added;
      await this.#finish(added);
      await this.#sweep(added);
      return true;
    }
    await this.#removeStaged(change);
    throw new TriplineError("state-conflict", `Other writers add to ${this.folder} faster than this one can.`);
  }

  /** The end of the log, from the last known one on; undefined where that is not known or not there any more. */
  async #knownTail(): Promise<Tail | undefined> {
    let tail = this.#tail;
    if (tail === undefined || tail.sequence === 0) return undefined;
    if (!(await this.#disk.exists(entryPath(this.folder, tail.sequence)))) return undefined;
    for (;;) {
      const entry = await readEntry(this.#disk, this.folder, tail.sequence + 1);
      if (entry === undefined) return tail;
      tail = { sequence: tail.sequence + 1, entry };
    }
  }

  /** The tail as far as it is known, with everything that it says done. */
  async #readyTail(): Promise<Tail> {
    if (this.#tail === undefined) await this.refresh();
    const tail = this.#tail ?? { sequence: 0 };
    await this.#finish(tail);
    if (tail.sequence > 0 && !(await this.#disk.exists(entryPath(this.folder, tail.sequence)))) {
      this.#tail = undefined;
      const detail = `Entry ${tail.sequence} of the log in ${this.folder} is gone: the lake was changed by hand.`;
      throw new TriplineError("state-conflict", detail);
    }
    return tail;
  }

  /** Whether other writers have added something that the change would add as well, or removed what it replaces. */
  async #isOvertaken({ ranges, replaces }: Change, tail: Tail): Promise<boolean> {
    const positions = positionsOf(tail);
    if ([...ranges].some(([partition, { from }]) => (positions.get(partition) ?? 0) !== from)) return true;
    for (const [day, files] of Map.groupBy(replaces, (file) => file.day)) {
      const present = await sequencesOfDay(this.#disk, this.folder, day);
      if (files.some(({ sequence }) => !present.includes(sequence))) return true;
    }
    return false;
  }

  /** The new end of the log; undefined where another writer took that number. */
  async #tryAdd(change: Change, before: Tail): Promise<Tail | undefined> {
    const sequence = before.sequence + 1;
    const draft = this.stagedPath(`${change.prefix}.entry`);
    const entry = entryAfter(before, change, this.options.source);
    await this.#orRemove(change, async () => {
      await this.#disk.remove(draft);
      await this.#disk.writeFile(draft, `${JSON.stringify(entry)}\n`);
      await this.#disk.sync(stagingFolder(this.folder));
      // What refuses all entries must not leave rows staged at each try.
      await this.#disk.requireLinks();
    });
    try {
      await this.#disk.linkNew(draft, entryPath(this.folder, sequence));
      await this.#disk.sync(logFolder(this.folder));
    } catch (thrown) {
      // What failed may have happened nevertheless, and in a store it may still happen until another entry has the number.
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
      `The lake ${lake} holds ${topic} from topic ${entry.source.topic} of Kafka cluster ${entry.source.cluster}, not ` +
        `from topic ${source.topic} of cluster ${source.cluster}. Set LAKE_URL to another place, or move that away.`,
    );
  }

  /** Moves the files of the last entry to their days and removes what it replaces, where that is not done yet. */
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
    // After the file that holds their rows is there: at no moment is a row in no file.
    for (const [day, files] of Map.groupBy(entry.replaces, (file) => file.day)) {
      await this.#removeReplaced(
        day,
        files.map((file) => file.sequence),
      );
    }
    await this.#disk.sync(stagingFolder(this.folder));
    this.#finished = sequence;
  }

  /** A merge replaces all files that its day had, so those up to the last of them are never of use again. */
  async #removeReplaced(day: string, sequences: readonly number[]): Promise<void> {
    let useless = sequences;
    if (!this.#disk.hasNoLateEffects) {
      const last = Math.max(...sequences);
      await this.#disk.writeFile(replacedPath(this.folder, day, last), "");
      // With those that a late move has brought back since the merge before.
      const names = await this.#disk.list(dayFolder(this.folder, day));
      useless = names.flatMap((name) => sequenceOfFile(name) ?? []).filter((sequence) => sequence <= last);
    }
    for (const sequence of useless) await this.#disk.remove(filePath(this.folder, day, sequence));
  }

  /** A file that is neither staged nor at its place was replaced by a later entry, or is lost. */
  async #requireFinished(target: string, sequence: number): Promise<void> {
    if (await this.#disk.exists(target)) return;
    if (await this.#disk.exists(entryPath(this.folder, sequence + 1))) return;
    const detail = `${target} is missing, although entry ${sequence} of the log added it. Restore it from a copy.`;
    throw new TriplineError("state-unreadable", detail);
  }

  /**
   * Removes what other writers staged and can never add: rows that the lake has passed, and compactions of files that
   * are gone. What they may still add is left, so this takes nothing from a writer that is only slow.
   */
  async #sweep(tail: Tail): Promise<void> {
    const positions = positionsOf(tail);
    for (const name of await this.#disk.list(stagingFolder(this.folder))) {
      const staged = parseStagedName(name);
      if (staged === undefined) continue;
      const isPast =
        staged.kind === "rows"
          ? staged.from < (positions.get(staged.partition) ?? 0)
          : !(await sequencesOfDay(this.#disk, this.folder, staged.day)).includes(staged.firstReplaced);
      if (isPast) await this.#disk.remove(this.stagedPath(name));
    }
  }

  async #orRemove<T>(change: Change, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      await this.#removeStaged(change);
      throw thrown;
    }
  }

  /** Never fails: what cannot be removed now is swept later. */
  async #removeStaged({ prefix, files }: Change): Promise<void> {
    const names = [...files.map(({ staged }) => staged), `${prefix}.entry`];
    await Promise.allSettled(names.map((name) => this.#disk.remove(this.stagedPath(name))));
  }
}

function entryAfter({ entry }: Tail, change: Change, source: Source | undefined): LogEntry {
  const from = source ?? entry?.source;
  if (from === undefined) throw new TriplineError("internal", "A log without entries needs a source.");
  const moved = [...change.ranges].map(([partition, { to }]) => [partition, to]);
  return {
    format: 1,
    id: change.id,
    source: from,
    positions: { ...entry?.positions, ...Object.fromEntries(moved) },
    files: change.files,
    replaces: change.replaces,
  };
}
