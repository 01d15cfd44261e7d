import { createHash } from "node:crypto";
import { lstat, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { CountedRange, LakeCut, SourcePositions } from "@tripline/lake/read/counted-range";
import { COUNTED_NAMES } from "@tripline/lake/read/counted-range";
import { z } from "zod";

const PLAN = "plan.bin";
const FORMAT = 1;
const NAME_DIGITS = 16;
const PRIVATE_MODE = 0o700;
const MODE_BITS = 0o777;

/** The end of the lake when a fold began. */
export interface LakeEnd {
  readonly takenAtMs: number;
  readonly sources: SourcePositions;
  readonly cut: LakeCut;
}

/** The input of a fold in slices, stored so that another process can continue the fold. */
export interface FoldPlan {
  readonly fingerprint: number;
  readonly isFromScratch: boolean;
  readonly statePath: string | undefined;
  /** Id of the snapshot that it continues. */
  readonly snapshot: string | undefined;
  readonly slices: number;
  /** Number of threads that share the memory, which determines the number of slices. */
  readonly workers: number;
  readonly memoryBytes: number;
  readonly range: CountedRange;
  readonly end: LakeEnd;
}

const offsets = z.map(z.int(), z.int());
const topicRange = z.object({
  source: z.string(),
  since: z.int(),
  ordered: offsets,
  counted: offsets,
  until: offsets,
});
const topicCut = z.object({ source: z.string(), sequence: z.int(), positions: offsets });
const stored = z.object({
  format: z.literal(FORMAT),
  fingerprint: z.number(),
  isFromScratch: z.boolean(),
  statePath: z.string().or(z.undefined()),
  snapshot: z.string().or(z.undefined()),
  slices: z.int().min(1),
  workers: z.int().min(1),
  memoryBytes: z.number().positive(),
  range: z.record(z.enum(COUNTED_NAMES), topicRange),
  end: z.object({
    takenAtMs: z.number(),
    sources: z.object({ transactions: offsets, labels: offsets, paymentUpdates: offsets }),
    cut: z.record(z.enum(COUNTED_NAMES), topicCut),
  }),
});

/**
 * The folder for folds of a lake, which is the same for each process, so that one process continues what another began.
 */
export function foldFolder(lake: string): string {
  const name = createHash("sha256").update(lake).digest("hex").slice(0, NAME_DIGITS);
  return join(tmpdir(), `tripline-states-${name}`);
}

/** Empties the folder and writes the plan to it. @returns the folder */
export async function makeFoldFolder(lake: string, plan: FoldPlan): Promise<string> {
  const folder = foldFolder(lake);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: PRIVATE_MODE });
  const unfinished = join(folder, `${PLAN}.tmp`);
  await writeFile(unfinished, serialize({ format: FORMAT, ...plan }), { flush: true });
  await rename(unfinished, join(folder, PLAN));
  return folder;
}

/** @returns undefined if no fold was interrupted, or it belongs to another version or user */
export async function readPlan(folder: string): Promise<FoldPlan | undefined> {
  try {
    const { uid, mode } = await lstat(folder);
    // Another user can create a folder with this name.
    if (uid !== process.getuid?.() || (mode & MODE_BITS) !== PRIVATE_MODE) return undefined;
    const { statePath, snapshot, ...plan } = stored.parse(deserialize(await readFile(join(folder, PLAN))));
    return { ...plan, statePath, snapshot };
  } catch {
    return undefined;
  }
}
