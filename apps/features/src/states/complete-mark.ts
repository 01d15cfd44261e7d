import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";

/*
 * The mark that exists next to the states while they are complete. The first line of its value is the time at which it
 * was set. If a rebuild left some states unverified, the second line lists them as JSON. Older versions of the service
 * check only that the mark exists.
 */

const stored = z.object({ untilMs: z.number(), keys: z.array(z.string()) });

/** States that are flagged individually: they may lack an event, or have counted two events in a different order. */
export interface FlaggedStates {
  /** The time until which the states are flagged, in milliseconds since the epoch. */
  readonly untilMs: number;
  /** Redis keys of the flagged states. */
  readonly keys: ReadonlySet<string>;
}

export const NONE_FLAGGED: FlaggedStates = { untilMs: 0, keys: new Set() };

export function encodeMark(flagged: FlaggedStates = NONE_FLAGGED): string {
  const setAt = new Date().toISOString();
  if (flagged.keys.size === 0) return setAt;
  return `${setAt}\n${JSON.stringify({ untilMs: flagged.untilMs, keys: [...flagged.keys] })}`;
}

/**
 * Returns the key that marks a layout's states as lost: it exists from the time when complete states are lost or removed
 * until they are restored. Without this key, a `snapshots` process that starts in between could not distinguish lost
 * states from states that were never complete.
 *
 * @param completeKey key of the mark
 */
export function lostKey(completeKey: string): string {
  return `state:lost:${completeKey.replace(/^[^:]*:/, "")}`;
}

/** Finds the states that a mark flags. Caches the result for the last mark, because it rarely changes. */
export class MarkReader {
  #mark: Buffer | undefined;
  #flagged = NONE_FLAGGED;

  /**
   * @param mark as stored; null if there is none
   * @throws TriplineError `state-unreadable`
   */
  flaggedIn(mark: Buffer | null): FlaggedStates {
    if (mark === null) return NONE_FLAGGED;
    if (this.#mark === undefined || !this.#mark.equals(mark)) {
      this.#flagged = decodeMark(mark.toString("utf8"));
      this.#mark = Buffer.from(mark);
    }
    return this.#flagged;
  }
}

function decodeMark(mark: string): FlaggedStates {
  const [, second] = mark.split("\n");
  if (second === undefined) return NONE_FLAGGED;
  try {
    const { untilMs, keys } = stored.parse(JSON.parse(second));
    return { untilMs, keys: new Set(keys) };
  } catch (cause) {
    throw new TriplineError("state-unreadable", "The marker for complete states is unreadable.", [], { cause });
  }
}

/** Whether any state of an event is flagged. */
export function isFlagged({ untilMs, keys }: FlaggedStates, stateKeys: readonly (string | undefined)[], nowMs: number) {
  if (keys.size === 0 || nowMs >= untilMs) return false;
  return stateKeys.some((key) => key !== undefined && keys.has(key));
}
