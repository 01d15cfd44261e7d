import { asTriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { IncomingRecord } from "@tripline/kafka/port";
import { foldEvents } from "./fold-events.js";
import type { EventRecord } from "./parse-event.js";
import { parseEvent } from "./parse-event.js";

/** Returns the event of a record, or undefined if the record becomes a dead letter. */
export function countableEvent(engine: FeatureEngine, record: IncomingRecord): EventRecord | undefined {
  try {
    const event = parseEvent(engine, record);
    const nothing = new Map(event.stateKeys.filter((key) => key !== undefined).map((key) => [key, null]));
    foldEvents(engine, nothing, [event], { nowMs: 0, incomplete: false });
    return event;
  } catch (thrown) {
    if (asTriplineError(thrown).row.kafka === "dead-letter") return undefined;
    throw thrown;
  }
}
