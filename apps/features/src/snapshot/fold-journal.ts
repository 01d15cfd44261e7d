import { open, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { CountedName } from "@tripline/lake/read/counted-range";
import { COUNTED_NAMES } from "@tripline/lake/read/counted-range";
import type { Part } from "@tripline/lake/snapshot/lake-snapshots";
import { PARTS } from "@tripline/lake/snapshot/lake-snapshots";
import { z } from "zod";

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

/** What sorting the events of a fold found. */
export interface SortedEvents {
  readonly incomplete: number;
  readonly beganAtMs: number | undefined;
  /** By topic and partition: the first record in the last minutes of the range. */
  readonly recent: Readonly<Record<CountedName, ReadonlyMap<number, number>>>;
}

/** A slice whose states are written. */
export interface FinishedSlice {
  readonly part: Part;
  readonly index: number;
  readonly states: number;
  readonly counted: number;
  readonly covered: number;
  readonly repeated: number;
  readonly isContradictory: boolean;
  readonly decisions: { readonly explained: readonly string[]; readonly dropped: readonly string[] };
}

/*
 * An entry: u32 length (little-endian), then the entry as `v8.serialize` writes it. If the process dies while it writes an
 * entry, that entry is incomplete and the last one.
 */
const LENGTH_BYTES = 4;

/** The finished steps of a fold, in a file, so that another process can continue after them. */
export class FoldJournal {
  #sorted: SortedEvents | undefined;
  readonly #finished = new Map<string, FinishedSlice>();

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

  finished(part: Part, index: number): FinishedSlice | undefined {
    return this.#finished.get(`${part}-${index}`);
  }

  async noteSorted(sorted: SortedEvents): Promise<void> {
    if (this.#sorted !== undefined) return;
    this.#sorted = sorted;
    await this.#append({ sorted });
  }

  async noteSlice(slice: FinishedSlice): Promise<void> {
    this.#finished.set(`${slice.part}-${slice.index}`, slice);
    await this.#append({ slice });
  }

  async #read(): Promise<void> {
    const bytes = await readFile(this.path).catch(() => Buffer.alloc(0));
    let at = 0;
    while (bytes.length >= at + LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
      const read = end > bytes.length ? undefined : entryOf(bytes.subarray(at + LENGTH_BYTES, end));
      if (read === undefined) break;
      if ("sorted" in read) this.#sorted = { ...read.sorted, beganAtMs: read.sorted.beganAtMs };
      else this.#finished.set(`${read.slice.part}-${read.slice.index}`, read.slice);
      at = end;
    }
    if (at < bytes.length) await truncate(this.path, at);
  }

  async #append(one: object): Promise<void> {
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
