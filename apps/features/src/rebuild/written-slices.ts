import { join } from "node:path";
import { lakeUnavailable } from "@tripline/lake/log/lake-disk";
import { slotsOf } from "@tripline/lake/snapshot/hash-slot";
import type { Part, Slice } from "@tripline/lake/snapshot/lake-snapshots";
import { PARTS } from "@tripline/lake/snapshot/lake-snapshots";
import { readSnapshot } from "@tripline/lake/snapshot/read-snapshot";
import type { SnapshotEntry } from "@tripline/lake/snapshot/snapshot-format";
import { writeSnapshotFile } from "@tripline/lake/snapshot/write-snapshot";
import type { BaseStates, StateLayout } from "../snapshot/base-states.js";
import type { RebuiltState } from "./folded-lake.js";

type Place = Pick<Slice, "part" | "slots">;

/** The states of a fold: in memory if there is one slice of each part, otherwise in files. */
export class WrittenSlices {
  readonly #held = new Map<Part, readonly SnapshotEntry[]>();

  constructor(
    private currentFolder: string,
    private readonly slices: number,
    private readonly layout: StateLayout,
  ) {}

  get folder(): string {
    return this.currentFolder;
  }

  /** Call this after the files were moved. */
  moveTo(folder: string): void {
    this.currentFolder = folder;
  }

  async write({ part, slots }: Place, entries: readonly SnapshotEntry[]): Promise<void> {
    if (this.slices === 1) this.#held.set(part, entries);
    else await this.#writeFile({ part, slots }, entries);
  }

  /** All slices, including those of an earlier process in the same folder. */
  places(): readonly Place[] {
    const indexes = Array.from({ length: this.slices }, (_, index) => index);
    return PARTS.flatMap((part) => indexes.map((index): Place => ({ part, slots: slotsOf(index, this.slices) })));
  }

  /** @throws TriplineError `state-unreadable` if the file is damaged */
  async *read(place: Place): AsyncGenerator<SnapshotEntry> {
    yield* this.slices === 1 ? (this.#held.get(place.part) ?? []) : readSnapshot(this.#path(place), () => {});
  }

  async *states(): AsyncGenerator<readonly [string, RebuiltState]> {
    for (const place of this.places()) {
      for await (const [key, value, touchedAtMs = Date.now()] of this.read(place)) yield [key, { value, touchedAtMs }];
    }
  }

  /** The states to which another fold adds events. */
  asBase(explained: readonly string[]): BaseStates {
    const read = (place: Place) => this.read(place);
    const places = this.places();
    return {
      source: { folder: this.currentFolder, slices: this.slices, explained },
      explained,
      async *read(part, [from, to]) {
        for (const place of places) {
          if (place.part === part && place.slots[0] < to && place.slots[1] > from) yield* read(place);
        }
      },
    };
  }

  async #writeFile(place: Place, entries: readonly SnapshotEntry[]): Promise<void> {
    try {
      await writeSnapshotFile(this.#path(place), { ...this.layout, entries: entries.length }, entries);
    } catch (thrown) {
      throw asDiskFault(thrown);
    }
  }

  #path({ part, slots }: Place): string {
    return join(this.currentFolder, `${part}-${slots[0]}.bin`);
  }
}

/** A sentence about the disk for an error of the file system. */
export function asDiskFault(thrown: unknown): unknown {
  if (Reflect.get(Object(thrown), "syscall") === undefined) return thrown;
  const advice = "Free disk space, or set TMPDIR to a folder on another disk.";
  return lakeUnavailable("The states do not fit on this disk", thrown, advice);
}
