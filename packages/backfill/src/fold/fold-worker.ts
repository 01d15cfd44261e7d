import { parentPort } from "node:worker_threads";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";
import { readSnapshot } from "../states/state-snapshot.js";
import type { BlockFill, BlockShape, SharedBlock } from "./event-block.js";
import { filledBlock, viewBlock } from "./event-block.js";
import type { IdOfReference } from "./id-references.js";
import type { FoldStep } from "./share-fold.js";
import { ShareFold } from "./share-fold.js";

/** The data that a worker needs before it can fold. */
export interface WorkerStart {
  readonly spec: FeatureSpec;
  readonly share: number;
  readonly shares: number;
  /** By entity of the spec, see `ShareOptions`. */
  readonly counts: readonly number[];
  readonly hashes: readonly Uint32Array[];
  readonly shape: BlockShape;
  /** Memory of the blocks, by slot. */
  readonly slots: readonly SharedArrayBuffer[];
}

/** Hashes of ids, each at the index of its reference; references are in ascending order. */
export interface ResolvedIds {
  readonly references: Float64Array;
  readonly highs: Uint32Array;
  readonly lows: Uint32Array;
  /** For each payment, the ids of its entities that the card remembers; empty if cards do not remember any. */
  readonly ids: readonly (readonly string[])[];
}

/** Requests to a worker. It answers each one, in order. */
export type WorkerTask =
  /** The first task of every worker. */
  | { readonly kind: "begin"; readonly start: WorkerStart }
  | { readonly kind: "fold"; readonly step: FoldStep; readonly slot: number; readonly fill: BlockFill }
  /** Loads the states of its entities from a snapshot in which ids are references. */
  | { readonly kind: "restore"; readonly path: string }
  /** Returns the states of its entities; without `ids`, they contain references instead of hashes of ids. */
  | { readonly kind: "states"; readonly ids?: ResolvedIds }
  /** Returns the references in its states. */
  | { readonly kind: "references" };

export type WorkerAnswer =
  | { readonly kind: "done" }
  | { readonly kind: "states"; readonly entities: readonly EncodedStates[] }
  | { readonly kind: "references"; readonly references: Float64Array }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

/** The states of a worker's entities of one kind, concatenated in the order of their numbers. */
export interface EncodedStates {
  readonly lengths: Uint32Array;
  readonly bytes: Uint8Array;
}

if (parentPort !== null) serve(parentPort);

function serve(port: NonNullable<typeof parentPort>): void {
  let share: Share | undefined;
  const perform = async (task: WorkerTask): Promise<WorkerAnswer> => {
    if (task.kind !== "begin") return requireShare(share).perform(task);
    share = new Share(task.start);
    return { kind: "done" };
  };
  // Tasks run one after the other: a fold needs the states that the previous one left.
  let last: Promise<void> = Promise.resolve();
  port.on("message", (task: WorkerTask) => {
    last = last
      .then(() => perform(task))
      .catch((error: unknown): WorkerAnswer => {
        const code = error instanceof TriplineError ? error.code : "internal";
        return {
          kind: "failed",
          code,
          message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        };
      })
      .then((answer) => port.postMessage(answer, buffersOf(answer)));
  });
}

function requireShare(share: Share | undefined): Share {
  if (share === undefined) throw new RangeError("a worker received a task before its share of the entities");
  return share;
}

/** The entities assigned to one worker. */
class Share {
  private readonly fold: ShareFold;
  private readonly blocks: readonly SharedBlock[];

  constructor(private readonly start: WorkerStart) {
    this.fold = new ShareFold(start);
    this.blocks = start.slots.map((memory) => viewBlock(start.shape, memory));
  }

  async perform(task: Exclude<WorkerTask, { kind: "begin" }>): Promise<WorkerAnswer> {
    const { fold, blocks } = this;
    const { counts } = this.start;
    switch (task.kind) {
      case "fold": {
        const block = blocks[task.slot];
        if (block === undefined) throw new RangeError(`there is no slot ${task.slot}`);
        fold.fold(task.step, filledBlock(block, task.fill), block.features);
        return { kind: "done" };
      }
      case "restore":
        await restore(fold, counts, task.path);
        return { kind: "done" };
      case "states": {
        const idOf = task.ids && lookUp(task.ids);
        return { kind: "states", entities: counts.map((_, entity) => encode(fold, entity, idOf)) };
      }
      case "references":
        return { kind: "references", references: referencesOf(fold, counts.length) };
    }
  }
}

function encode(fold: ShareFold, entity: number, idOf: IdOfReference | undefined): EncodedStates {
  const lengths: number[] = [];
  const writer = new ByteWriter();
  for (const state of fold.states(entity, idOf)) {
    lengths.push(state.length);
    writer.bytes(state);
  }
  return { lengths: Uint32Array.from(lengths), bytes: writer.copy() };
}

/** Entries of a snapshot are in the order of entities and numbers. */
async function restore(fold: ShareFold, counts: readonly number[], path: string): Promise<void> {
  let entity = 0;
  let number = 0;
  for await (const [, bytes] of readSnapshot(path, () => {})) {
    while (number === counts[entity]) {
      entity += 1;
      number = 0;
    }
    fold.restore(entity, number, bytes);
    number += 1;
  }
}

function referencesOf(fold: ShareFold, entities: number): Float64Array {
  const references: number[] = [];
  for (let entity = 0; entity < entities; entity += 1) {
    for (const reference of fold.references(entity)) references.push(reference);
  }
  return Float64Array.from(references);
}

function lookUp({ references, highs, lows, ids }: ResolvedIds): IdOfReference {
  const places = new Map<number, number>();
  for (const [place, reference] of references.entries()) places.set(reference, place);
  return (reference) => {
    const place = places.get(reference) ?? -1;
    const [high, low] = [highs[place], lows[place]];
    if (high === undefined || low === undefined) throw new RangeError(`no id is known for reference ${reference}`);
    return { high, low, ids: ids[place] ?? [] };
  };
}

/** Memory that is transferred rather than copied. */
function buffersOf(answer: WorkerAnswer): ArrayBuffer[] {
  const arrays =
    answer.kind === "references"
      ? [answer.references]
      : answer.kind === "states"
        ? answer.entities.flatMap(({ lengths, bytes }) => [lengths, bytes])
        : [];
  return arrays.map(({ buffer }) => buffer).filter((buffer) => buffer instanceof ArrayBuffer);
}
