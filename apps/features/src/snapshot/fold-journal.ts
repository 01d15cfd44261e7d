import { open, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { CountedName } from "@tripline/lake/read/counted-range";
import { COUNTED_NAMES } from "@tripline/lake/read/counted-range";
import type { Part } from "@tripline/lake/snapshot/lake-snapshots";
import { PARTS } from "@tripline/lake/snapshot/lake-snapshots";
import { z } from "zod";
import type { FoldedSlice } from "./fold-slice.js";

const JOURNAL = "journal.bin";

const count = z.int().min(0);
const offsets = z.map(z.int(), z.int());
const sortedEvents = z.object({
  incomplete: count,
  beganAtMs: z.number().optional(),
  recent: z.record(z.enum(COUNTED_NAMES), offsets),
});
const finishedSlice = z.object({
  part: z.enum(PARTS),
  index: count,
  states: count,
  counted: count,
  covered: count,
  repeated: count,
  isContradictory: z.boolean(),
  decisions: z.object({ explained: z.array(z.string()), dropped: z.array(z.string()) }).readonly(),
});
const entry = z.union([z.object({ sorted: sortedEvents }), z.object({ slice: finishedSlice })]);

/** The results of sorting the events of a fold. */
export interface SortedEvents {
  readonly incomplete: number;
  readonly beganAtMs: number | undefined;
  /** For each topic and partition, the first record in the last minutes of the range. */
  readonly recent: Readonly<Record<CountedName, ReadonlyMap<number, number>>>;
}

/*
 * An entry: u32 length (little-endian), then the entry as `v8.serialize` writes it. If the process dies while writing
 * an entry, only this last entry is incomplete.
 */
const LENGTH_BYTES = 4;

/** The finished steps of a fold, in a file, so that another process can continue after them. */
export class FoldJournal {
  #sorted: SortedEvents | undefined;
  readonly #finished = new Map<string, FoldedSlice>();
  #last: Promise<void> = Promise.resolve();

  private constructor(private readonly path: string) {}

  /** @param folder of the fold */
  static async open(folder: string): Promise<FoldJournal> {
    const journal = new FoldJournal(join(folder, JOURNAL));
    await journal.#read();
    return journal;
  }

  /** Undefined until all events are sorted. */
  get sorted(): SortedEvents | undefined {
    return this.#sorted;
  }

  /** The number of slices that an earlier process finished. */
  get finishedSlices(): number {
    return this.#finished.size;
  }

  /** A slice that an earlier process finished. */
  finished(part: Part, index: number): FoldedSlice | undefined {
    return this.#finished.get(`${part}-${index}`);
  }

  async noteSorted(sorted: SortedEvents): Promise<void> {
    if (this.#sorted !== undefined) return;
    this.#sorted = sorted;
    await this.#append({ sorted });
  }

  /** @param folded without waiting events */
  async noteSlice(part: Part, index: number, folded: FoldedSlice): Promise<void> {
    const { stuck: _, decisions, ...slice } = folded;
    const { explained, dropped } = decisions;
    await this.#append({ slice: { ...slice, part, index, decisions: { explained, dropped } } });
  }

  async #read(): Promise<void> {
    const bytes = await readFile(this.path).catch(() => Buffer.alloc(0));
    let at = 0;
    while (bytes.length >= at + LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
      const read = end > bytes.length ? undefined : entryOf(bytes.subarray(at + LENGTH_BYTES, end));
      if (read === undefined) break;
      if ("sorted" in read) this.#sorted = { ...read.sorted, beganAtMs: read.sorted.beganAtMs };
      else this.#keep(read.slice);
      at = end;
    }
    if (at < bytes.length) await truncate(this.path, at);
  }

  #keep({ part, index, decisions, ...slice }: z.infer<typeof finishedSlice>): void {
    this.#finished.set(`${part}-${index}`, { ...slice, stuck: [], decisions: { ...decisions, deferred: [] } });
  }

  /** Entries are written one after another, because several slices may finish at the same time. */
  #append(one: object): Promise<void> {
    const writing = this.#last.then(() => this.#write(one));
    this.#last = writing.catch(() => {});
    return writing;
  }

  async #write(one: object): Promise<void> {
    const body = serialize(one);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(body.length);
    const file = await open(this.path, "a");
    try {
      await file.writeFile(Buffer.concat([length, body]));
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

/** Undefined if it is damaged. */
function entryOf(bytes: Uint8Array): z.infer<typeof entry> | undefined {
  try {
    return entry.parse(deserialize(bytes));
  } catch {
    return undefined;
  }
}
