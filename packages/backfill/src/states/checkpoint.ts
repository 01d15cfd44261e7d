import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { stateKey } from "@tripline/feature-engine/state/state-key";
import { z } from "zod";
import type { EncodedStates } from "../fold/fold-worker.js";
import type { Part } from "../fold/part-writer.js";
import { partPath } from "../fold/part-writer.js";
import type { EventPosition } from "../input/event-reader.js";
import { replaceFile } from "../input/work-folder.js";
import type { SnapshotEntry } from "./state-snapshot.js";
import { verifySnapshot, writeSnapshot } from "./state-snapshot.js";

/** Progress of a backfill: the parts and states include all events before the position. */
export interface Checkpoint {
  readonly position: EventPosition;
  readonly parts: readonly Part[];
  /** Name of the snapshot, which contains references instead of hashes of ids. */
  readonly states: string;
}

const checkpointFile = z.object({
  position: z.object({ payments: z.int().min(0), labels: z.int().min(0) }),
  parts: z.array(z.object({ rows: z.int(), bytes: z.int() })),
  states: z.string(),
});

const FILE_NAME = "checkpoint.json";

/** Replaces the previous checkpoint. */
export async function writeCheckpoint(
  directory: string,
  engine: FeatureEngine,
  progress: Omit<Checkpoint, "states">,
  entries: { readonly count: number; readonly states: Iterable<SnapshotEntry> },
): Promise<void> {
  const states = `states-${String(progress.parts.length).padStart(6, "0")}.bin`;
  await writeSnapshot(join(directory, states), engine, entries.count, entries.states);
  const checkpoint: Checkpoint = { ...progress, states };
  await replaceFile(join(directory, FILE_NAME), JSON.stringify(checkpoint));
  await dropOthers(directory, checkpoint, /^states-/);
}

/** The checkpoint of an interrupted backfill; undefined if there is no valid one. */
export async function readCheckpoint(directory: string): Promise<Checkpoint | undefined> {
  const checkpoint = await parseCheckpoint(join(directory, FILE_NAME));
  const whole = checkpoint !== undefined && (await isWhole(directory, checkpoint));
  await dropOthers(directory, whole ? checkpoint : undefined, /^(states|part)-/);
  return whole ? checkpoint : undefined;
}

async function parseCheckpoint(path: string): Promise<Checkpoint | undefined> {
  try {
    return checkpointFile.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

async function isWhole(directory: string, { parts, states }: Checkpoint): Promise<boolean> {
  try {
    for (const [index, part] of parts.entries()) {
      if ((await stat(partPath(directory, index))).size !== part.bytes) return false;
    }
    await verifySnapshot(join(directory, states));
    return true;
  } catch {
    return false;
  }
}

/** Removes unfinished files of the interrupted process. */
async function dropOthers(directory: string, kept: Checkpoint | undefined, pattern: RegExp): Promise<void> {
  const names = new Set(kept?.parts.map((_, index) => partPath("", index)));
  if (kept !== undefined) names.add(kept.states);
  for (const name of await readdir(directory)) {
    if (pattern.test(name) && !names.has(name)) await rm(join(directory, name), { force: true });
  }
}

/** The states of all workers as entries of a snapshot, in the order of entities and numbers. */
export function* snapshotEntries(
  engine: FeatureEngine,
  tenant: string,
  ids: readonly (readonly string[])[],
  states: readonly (readonly EncodedStates[])[],
): Generator<SnapshotEntry> {
  for (const [entity, plan] of engine.entities.entries()) {
    const shares = states.map((share) => statesOf(share[entity]));
    for (const [number, id] of (ids[entity] ?? []).entries()) {
      const next = shares[number % shares.length]?.next();
      if (next?.done !== false) throw new RangeError(`the state of ${plan.name} ${number} is missing`);
      yield [stateKey(plan, tenant, id), next.value];
    }
  }
}

function* statesOf(encoded: EncodedStates | undefined): Generator<Uint8Array, undefined> {
  let at = 0;
  for (const length of encoded?.lengths ?? []) {
    yield encoded?.bytes.subarray(at, at + length) ?? new Uint8Array(0);
    at += length;
  }
  return undefined;
}
