import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";

/*
 * The mark that stands beside the states while they hold all that took place. The first line of its value says when it was
 * set. Where a rebuild was not certain of some states, a second one has these, as JSON. An older version of the service looks
 * at nothing but that the mark is there.
 */

const stored = z.object({ untilMs: z.number(), keys: z.array(z.string()) });

/** States that are flagged one by one: they may miss an event, or have counted two in another order. */
export interface FlaggedStates {
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
  /** Redis keys. */
  readonly keys: ReadonlySet<string>;
}

export const NONE_FLAGGED: FlaggedStates = { untilMs: 0, keys: new Set() };

export function encodeMark(flagged: FlaggedStates = NONE_FLAGGED): string {
  const setAt = new Date().toISOString();
  if (flagged.keys.size === 0) return setAt;
  return `${setAt}\n${JSON.stringify({ untilMs: flagged.untilMs, keys: [...flagged.keys] })}`;
}

/** Which states a mark flags. Remembers the last one that it was asked about, because it hardly ever changes. */
export class MarkReader {
  #mark: Buffer | undefined;
  #flagged = NONE_FLAGGED;

  /**
   * @param mark as it is stored; null where there is none
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
    throw new TriplineError("state-unreadable", "The mark of complete states cannot be read.", [], { cause });
  }
}

/** Whether an event has a state that is flagged. */
export function isFlagged({ untilMs, keys }: FlaggedStates, stateKeys: readonly (string | undefined)[], nowMs: number) {
  if (keys.size === 0 || nowMs >= untilMs) return false;
  return stateKeys.some((key) => key !== undefined && keys.has(key));
}
