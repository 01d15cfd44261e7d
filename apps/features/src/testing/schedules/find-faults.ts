import {
  AppliedLabel,
  AppliedPaymentUpdate,
  FeatureVector,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import { stateKeysOf } from "@tripline/feature-engine/apply/counted-event";
import { FoldInOrder } from "@tripline/feature-engine/apply/fold-in-order";
import type { EventRecord } from "../../batches/parse-event.js";
import { parseEvent } from "../../batches/parse-event.js";
import { appliedOffset } from "../../states/applied-batch.js";
import { scheduleEngine } from "./planned-log.js";
import type { RedisServer } from "./redis-server.js";
import type { SimulatedFleet } from "./simulated-fleet.js";

/**
 * Checks invariants once everything is committed, whatever happened before: every event is counted once in each of its
 * states and emitted; two events never have the same number in a state; all results of an event are equal and follow
 * from the events counted before it; and no result is flagged, because no state was lost.
 *
 * After a failover that lost writes, flagged results are ignored, and only one invariant is checked: two events never
 * have the same number in a state. A rebuild depends on this.
 *
 * @returns a sentence per violated invariant
 */
export async function findFaults(fleet: SimulatedFleet, server: RedisServer): Promise<string[]> {
  const faults = fleet.surprises.map((error) => `failed with ${String(error)}`);
  if (fleet.hasLostWrites) faults.push(...numberFaults(fleet));
  else faults.push(...emissionFaults(fleet), ...(await stateFaults(fleet, server)));
  return faults;
}

function numberFaults({ sent }: SimulatedFleet): string[] {
  const faults: string[] = [];
  const owners = new Map<string, string>();
  for (const { topic, value } of sent) {
    const event = decode(topic, Buffer.from(value));
    const { incomplete, sequences } = event.kind === "payment" ? event.vector : event.applied;
    if (incomplete) continue;
    for (const [entity, key] of stateKeysOf(scheduleEngine, event).entries()) {
      if (key === undefined) continue;
      const place = `${key} number ${sequences[entity]}`;
      const id = idOf(event);
      if ((owners.get(place) ?? id) !== id) faults.push(`${place} was given to ${owners.get(place)} and to ${id}`);
      owners.set(place, id);
    }
  }
  return faults;
}

/** Returns whether the offsets of all events emitted so far are committed. */
export function isEverythingCommitted(fleet: SimulatedFleet): boolean {
  const committed = new Set<string>();
  for (const log of fleet.log) {
    for (const record of log.records.slice(0, fleet.committedOf(log))) {
      committed.add(idOfRecord(parseEvent(scheduleEngine, record)));
    }
  }
  return fleet.sent.every(({ topic, value }) => committed.has(idOf(decode(topic, Buffer.from(value)))));
}

function emissionFaults(fleet: SimulatedFleet): string[] {
  const { sent } = fleet;
  const faults: string[] = [];
  const forms = new Map<string, string>();
  const events: CountedEvent[] = [];
  for (const { topic, value } of sent) {
    const event = decode(topic, Buffer.from(value));
    const id = idOf(event);
    const form = Buffer.from(value).toString("hex");
    if ((forms.get(id) ?? form) !== form) faults.push(`${id} was emitted with two different contents`);
    forms.set(id, form);
    events.push(event);
    if ((event.kind === "payment" ? event.vector : event.applied).incomplete) faults.push(`${id} is flagged`);
  }
  for (const id of expectedIds(fleet)) if (!forms.has(id)) faults.push(`${id} was counted but never emitted`);
  const folding = new FoldInOrder({
    engine: scheduleEngine,
    onPayment({ vector, values }) {
      const same = values.every((one, index) => one === vector.values[index]);
      if (!same) faults.push(`${vector.transaction?.transactionId} has features that differ from a recomputation`);
    },
  });
  try {
    for (const event of events) folding.add(event);
    if (folding.stuck.length > 0) faults.push(`${folding.stuck.length} events do not fit into the sequence`);
  } catch (error) {
    faults.push(`recomputation failed: ${String(error)}`);
  }
  return faults;
}

async function stateFaults(fleet: SimulatedFleet, server: RedisServer): Promise<string[]> {
  const faults: string[] = [];
  const expected = new Map<string, { entity: number; ids: Set<string> }>();
  const expect = (keys: readonly (string | undefined)[], id: string): void => {
    for (const [entity, key] of keys.entries()) {
      if (key === undefined) continue;
      const one = expected.get(key) ?? { entity, ids: new Set() };
      expected.set(key, one);
      one.ids.add(id);
    }
  };
  // An update or a label is counted in some states only if its payment was counted before.
  for (const { topic, value } of fleet.sent) {
    const event = decode(topic, Buffer.from(value));
    if (event.kind !== "payment") expect(stateKeysOf(scheduleEngine, event), idOf(event));
  }
  for (const log of fleet.log) {
    for (const record of log.records) {
      const event = parseEvent(scheduleEngine, record);
      if (event.kind === "payment") expect(event.stateKeys, idOfRecord(event));
    }
    const offset = appliedOffset((await server.get(fleet.appliedKeyOf(log))) ?? undefined);
    const last = log.records.length - 1;
    if (offset !== last) faults.push(`${log.topic}/${log.partition} is counted up to ${offset} instead of ${last}`);
  }
  for (const [key, { entity, ids }] of expected) {
    const { sequence } = scheduleEngine.decodeState(entity, await server.get(key));
    if (sequence !== ids.size) faults.push(`${key} counts ${sequence} events instead of ${ids.size}`);
  }
  return faults;
}

/** Everything on the topics is committed, so all of it was counted. */
function expectedIds({ log }: SimulatedFleet): ReadonlySet<string> {
  const events = log.flatMap(({ records }) => records.map((record) => parseEvent(scheduleEngine, record)));
  return new Set(events.map(idOfRecord));
}

function idOfRecord(event: EventRecord): string {
  if (event.kind === "payment") return `payment ${event.transaction.transactionId}`;
  return event.kind === "label" ? `label ${event.label.labelId}` : `update ${event.update.updateId}`;
}

function decode(topic: string, value: Buffer): CountedEvent {
  if (topic === TOPICS.features.name) return { kind: "payment", vector: FeatureVector.decode(value) };
  if (topic === TOPICS.appliedLabels.name) return { kind: "label", applied: AppliedLabel.decode(value) };
  return { kind: "update", applied: AppliedPaymentUpdate.decode(value) };
}

function idOf(event: CountedEvent): string {
  if (event.kind === "payment") return `payment ${event.vector.transaction?.transactionId}`;
  return event.kind === "label" ? `label ${event.applied.label?.labelId}` : `update ${event.applied.update?.updateId}`;
}
