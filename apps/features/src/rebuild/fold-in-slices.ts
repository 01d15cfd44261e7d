import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asTriplineError } from "@tripline/contracts/error-table";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import { countEntities } from "@tripline/lake/read/count-entities";
import { cutLake, FROM_BEGINNING, rangeOf } from "@tripline/lake/read/counted-range";
import { totalCounted } from "@tripline/lake/read/read-counted";
import { readSnapshot } from "@tripline/lake/snapshot/read-snapshot";
import type { SnapshotEntry } from "@tripline/lake/snapshot/snapshot-format";
import { writeSnapshotFile } from "@tripline/lake/snapshot/write-snapshot";
import type { FoldStart } from "../snapshot/base-states.js";
import { continuedSnapshots, nameOf, statesOfFile } from "../snapshot/base-states.js";
import { findFaults } from "../snapshot/find-faults.js";
import { foldSlices } from "../snapshot/fold-slices.js";
import { FOLDED_BYTES, slicesFor } from "../snapshot/slices-for.js";
import type { FoldedLake, FoldLakeOptions, RebuiltState } from "./folded-lake.js";

/**
 * Continues from the newest usable snapshot. If there is none and the states exceed the memory limit, folds the whole
 * lake.
 *
 * @returns undefined if the result would not be exact, or if all states fit into memory: `foldLake` then folds them all
 *   at once
 * @throws TriplineError as `foldLake`
 */
export async function foldInSlices(options: FoldLakeOptions): Promise<FoldedLake | undefined> {
  const { lake, engine, memoryBytes, isFromScratch, statePath } = options;
  const cut = await cutLake(lake);
  const continued = isFromScratch ? [] : continuedSnapshots({ ...options, onUnfit: options.onNote }, cut);
  for await (const start of continued) {
    const folded = await foldFrom(options, start, nameOf(start.snapshot));
    if (folded !== undefined) return folded;
  }
  const range = rangeOf(FROM_BEGINNING, cut);
  const states = await countEntities(
    lake,
    engine.entities.map(({ fields }) => fields),
  );
  if (range === undefined || states * FOLDED_BYTES <= memoryBytes) return undefined;
  const base = statePath === undefined ? {} : { base: statesOfFile(statePath, engine) };
  return foldFrom(options, { range, ...base, slices: slicesFor(memoryBytes, { states }) }, "The lake");
}

/** @returns undefined, after reporting the reason, if the result would not be exact */
async function foldFrom(options: FoldLakeOptions, start: FoldStart, name: string): Promise<FoldedLake | undefined> {
  const scratch = await mkdtemp(join(tmpdir(), "tripline-states-"));
  const release = () => rm(scratch, { recursive: true, force: true });
  try {
    const folded = await foldInto(scratch, options, start);
    if (typeof folded !== "string") return { ...folded, release };
    options.onNote(`${name} cannot be continued: ${folded}.`);
  } catch (thrown) {
    const { code, message } = asTriplineError(thrown);
    const isOfSnapshot = code === "state-unreadable" && start.snapshot !== undefined;
    if (!isOfSnapshot && code !== "state-conflict" && code !== "queue-full") {
      await release();
      throw thrown;
    }
    options.onNote(`${name} cannot be used: ${message}`);
  }
  await release();
  return undefined;
}

/** @returns the reason, as part of a sentence, if the result would not be exact */
async function foldInto(
  scratch: string,
  options: FoldLakeOptions,
  start: FoldStart,
): Promise<Omit<FoldedLake, "release"> | string> {
  const { engine, lake, stateTtlSeconds, erasedAtMs = () => undefined } = options;
  const written: WrittenSlice[] = [];
  const header = { specVersion: engine.spec.version, fingerprint: layoutFingerprint(engine.entities) };
  const folded = await foldSlices({
    engine,
    lake,
    ...start,
    scratch,
    erasedAtMs,
    stateTtlMs: stateTtlSeconds * 1000,
    async write({ part, slots }, entries) {
      if (start.slices === 1) {
        written.push({ entries });
        return;
      }
      const path = join(scratch, `${part}-${slots[0]}.bin`);
      const { sum } = await writeSnapshotFile(path, { ...header, entries: entries.length }, entries);
      written.push({ path, sum });
    },
    onEvents: options.onProgress,
    onSlice: options.onSlice,
  });
  if (folded === undefined) return "an entity came into the feature spec later";
  const faults = findFaults(folded, await totalCounted(lake, start.range));
  if (faults.length > 0) return faults.join("; ");
  const { counted: events, incomplete, repeated } = folded;
  const states = { entries: () => entriesOf(written) };
  const from = start.snapshot === undefined ? {} : { snapshot: start.snapshot };
  return { states, events, incomplete, repeated, flagged: new Set(), lost: [], ...from };
}

/** The states of a slice, or the file that contains them. */
type WrittenSlice = { readonly entries: readonly SnapshotEntry[] } | { readonly path: string; readonly sum: number };

async function* entriesOf(written: readonly WrittenSlice[]): AsyncGenerator<readonly [string, RebuiltState]> {
  for (const slice of written) {
    const entries = "path" in slice ? readSnapshot(slice.path, () => {}, slice.sum) : slice.entries;
    for await (const [key, value, touchedAtMs = Date.now()] of entries) yield [key, { value, touchedAtMs }];
  }
}
