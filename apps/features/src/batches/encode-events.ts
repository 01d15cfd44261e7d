import type { Context } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";
import type { OutgoingRecord } from "@tripline/kafka/port";
import { headersFromContext } from "@tripline/telemetry/tracing";
import type { Emission } from "../states/applied-batch.js";
import { EMISSION_HEAD_BYTES_MAX, writeEmission } from "./encode-findings.js";
import type { EventRecord } from "./parse-event.js";

/** An event with its outgoing message. */
export interface OutgoingEvent {
  readonly event: EventRecord;
  readonly trace: Context;
  readonly value: Uint8Array;
}

/** The topic for the result of an event. */
export const TOPIC_OF = {
  payment: TOPICS.features,
  label: TOPICS.appliedLabels,
  update: TOPICS.appliedPaymentUpdates,
} as const;

/**
 * Encodes emissions as messages. Each message contains the event at the offset of its emission.
 *
 * @param contexts one per event
 */
export function encodeEvents(
  events: readonly EventRecord[],
  contexts: readonly Context[],
  emissions: readonly Emission[],
): OutgoingEvent[] {
  const places = new Map(events.map((event, index) => [event.offset, index]));
  const factBytes = events.reduce((bytes, event) => bytes + event.bytes.length, 0);
  const findingsBytes = emissions.reduce((bytes, { findings }) => bytes + findings.length, 0);
  const writer = new ByteWriter(factBytes + findingsBytes + emissions.length * EMISSION_HEAD_BYTES_MAX);
  return emissions.map(({ offset, findings }) => {
    const index = places.get(offset) ?? -1;
    const event = events[index];
    const trace = contexts[index];
    if (event === undefined || trace === undefined) {
      throw new TriplineError("internal", `The batch has no event at offset ${offset}.`);
    }
    const start = writer.length;
    writeEmission(writer, event.bytes, findings);
    return { event, trace, value: writer.since(start) };
  });
}

/** A payment's feature vector goes to decisions; other events are archived with their positions in the order of events. */
export function outgoingRecord({ event, value }: OutgoingEvent, trace: Context | undefined): OutgoingRecord {
  const topic = TOPIC_OF[event.kind];
  const fact = factOf(event);
  const headers = trace === undefined ? {} : headersFromContext(trace);
  headers[HEADERS.schema] = topic.schema;
  headers[HEADERS.tenant] = fact.tenant;
  if (event.kind === "payment") passOn(event.headers, headers);
  return { topic: topic.name, key: fact.cardToken, value, headers };
}

function factOf(event: EventRecord): { readonly tenant: string; readonly cardToken: string } {
  if (event.kind === "payment") return event.transaction;
  return event.kind === "label" ? event.label : event.update;
}

/** Copies the headers that name the waiting caller and the deadline, and the sealed attributes, which this service cannot read. */
function passOn(from: Readonly<Record<string, string>>, to: Record<string, string>): void {
  for (const name of [HEADERS.deadline, HEADERS.replyTo, HEADERS.attributes]) {
    const value = from[name];
    if (value !== undefined) to[name] = value;
  }
}
