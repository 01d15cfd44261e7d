import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import type {
  EntityStates,
  FeatureEngine,
  LabelResult,
  PaymentResult,
} from "@tripline/feature-engine/apply/compile-engine";
import { namedByUpdate } from "@tripline/feature-engine/apply/counted-event";
import { isExplained } from "@tripline/feature-engine/apply/explained-fraud";
import type { ProfileRows } from "@tripline/feature-engine/profiles";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";
import type { Emission } from "../states/applied-batch.js";
import { BatchStates } from "../states/batch-states.js";
import type { FlaggedStates } from "../states/complete-mark.js";
import { isFlagged, NONE_FLAGGED } from "../states/complete-mark.js";
import type { ReportFindings } from "./encode-findings.js";
import { writeReportFindings, writeVectorFindings } from "./encode-findings.js";
import type { EventRecord, LabelRecord, UpdateRecord } from "./parse-event.js";

/** The result of folding the events of one partition. */
export interface PartFold {
  readonly emissions: readonly Emission[];
  readonly duplicates: number;
  readonly tooLate: number;
  /** Number of events counted while all states were lost. */
  readonly incomplete: number;
  /** Number of events with a flagged state. */
  readonly flagged: number;
  /**
   * Number of payment updates and labels counted only for the entities that they name, because the cards' states do not
   * contain the payments.
   */
  readonly ofCardOnly: number;
  /** Number of payments for which no row was in force, for each profile of the spec. */
  readonly profileMisses: readonly number[];
}

/** The result of folding events of several partitions, before anything is written. */
export interface PartsFold {
  /** One result per partition, in the order of the input. */
  readonly parts: readonly PartFold[];
  /** Encoded states that changed, by key; valid until the next fold with the same `BatchStates`. */
  readonly changed: ReadonlyMap<string, Uint8Array>;
  /** Keys of states that payment updates change but that were not read. If there are any, read them and fold again. */
  readonly missing: ReadonlySet<string>;
}

export interface Fold extends PartFold, Pick<PartsFold, "changed"> {}

/** More than a payment with about sixty features needs, so that the buffer rarely has to grow. */
const FINDINGS_BYTES_EXPECTED = 560;

/** Facts that apply to a whole fold. */
export interface FoldContext {
  /** Wall clock in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Whether stored states were lost and are not rebuilt yet. */
  readonly incomplete: boolean;
  /** The unverified states after a rebuild. Default: none */
  readonly flagged?: FlaggedStates;
  /** The profiles of a payment's entities. Default: none */
  readonly profilesOf?: (payment: Transaction) => ProfileRows;
}

/**
 * Applies events in order to the stored states, part by part.
 *
 * @param states memory of earlier folds, which this one reuses
 * @param stored state bytes by key, with every key that the events name. If the key of a state that a card names for an
 *   update is absent, `missing` in the result contains it
 * @throws TriplineError `state-unreadable`; `invalid-field` for an event that cannot be counted
 */
export function foldParts(
  states: BatchStates,
  stored: ReadonlyMap<string, Uint8Array | null>,
  parts: readonly (readonly EventRecord[])[],
  context: FoldContext,
): PartsFold {
  states.begin(stored);
  const events = parts.reduce((sum, part) => sum + part.length, 0);
  const writer = new ByteWriter(events * FINDINGS_BYTES_EXPECTED);
  const folds = parts.map((part) => foldPart(states, writer, part, context));
  return { parts: folds, changed: states.encodeChanged(), missing: states.missing };
}

/** Like `foldParts`, but for the events of one partition. */
export function foldEvents(
  engine: FeatureEngine,
  stored: ReadonlyMap<string, Uint8Array | null>,
  events: readonly EventRecord[],
  context: FoldContext,
): Fold {
  const { parts, changed } = foldParts(new BatchStates(engine), stored, [events], context);
  const [
    part = { emissions: [], duplicates: 0, tooLate: 0, incomplete: 0, flagged: 0, ofCardOnly: 0, profileMisses: [] },
  ] = parts;
  return { ...part, changed };
}

function foldPart(
  states: BatchStates,
  writer: ByteWriter,
  events: readonly EventRecord[],
  context: FoldContext,
): PartFold {
  const { engine } = states;
  const emissions: Emission[] = [];
  let duplicates = 0;
  let tooLate = 0;
  let flagged = 0;
  let ofCardOnly = 0;
  const { nowMs, flagged: flaggedStates = NONE_FLAGGED } = context;
  const profileMisses = engine.profiles.map(() => 0);
  for (const event of events) {
    const { keys, entityIds } = placesOf(engine, states, event);
    const ofEvent = states.of(keys);
    const explained = event.kind === "label" ? isExplained(engine, ofEvent, event.label) : undefined;
    const result = applyEvent(engine, ofEvent, event, context);
    if (result.duplicate) {
      duplicates += 1;
      continue;
    }
    if (result.tooLate) tooLate += 1;
    const isUncertain = isFlagged(flaggedStates, keys, nowMs);
    if (isUncertain) flagged += 1;
    if (entityIds.length === 0 && isForOthers(engine, event)) ofCardOnly += 1;
    countMisses(result, profileMisses);
    states.changed(keys);
    const start = writer.length;
    const incomplete = context.incomplete || isUncertain;
    writeFindings(writer, engine, result, ofEvent, { nowMs, incomplete, entityIds, explained });
    emissions.push({ offset: event.offset, findings: writer.since(start) });
  }
  return {
    emissions,
    duplicates,
    tooLate,
    incomplete: context.incomplete ? emissions.length : 0,
    flagged,
    ofCardOnly,
    profileMisses,
  };
}

/** Whether cards remember the entities of their payments. */
function remembers({ entities }: FeatureEngine): boolean {
  return (entities[0]?.remembered.length ?? 0) > 0;
}

/** Whether the event also counts for entities that it does not name. */
function isForOthers(engine: FeatureEngine, event: EventRecord): boolean {
  if (event.kind === "update") return remembers(engine);
  return event.kind === "label" && engine.findsEntities(event.label.fraud);
}

interface Places {
  /** Redis keys of the event's states. */
  readonly keys: readonly (string | undefined)[];
  /** For a payment update or a label: see `updatedEntities` and `labelledEntities`. */
  readonly entityIds: string[];
}

/**
 * The states that an event changes. If the other states were not read, an update or a label changes only the states of
 * the entities that it names.
 */
function placesOf(engine: FeatureEngine, states: BatchStates, event: EventRecord): Places {
  const named = { keys: event.stateKeys, entityIds: [] };
  if (event.kind === "payment" || !remembers(engine)) return named;
  const [card] = states.of(event.stateKeys);
  const found = event.kind === "update" ? placesOfUpdate(engine, card, event) : placesOfLabel(engine, card, event);
  return states.require(found.keys) ? found : named;
}

function placesOfUpdate(engine: FeatureEngine, card: EntityStates[number], { update }: UpdateRecord): Places {
  const entityIds = engine.updatedEntities(card, update);
  return { keys: engine.stateKeys(update.tenant, namedByUpdate(update), undefined, entityIds), entityIds };
}

function placesOfLabel(engine: FeatureEngine, card: EntityStates[number], { label, stateKeys }: LabelRecord): Places {
  if (!engine.findsEntities(label.fraud)) return { keys: stateKeys, entityIds: [] };
  const paymentId = transactionId(label.tenant, label.clientTransactionId);
  const entityIds = engine.labelledEntities(card, paymentId, label.fraud);
  return { keys: engine.stateKeys(label.tenant, label, undefined, entityIds), entityIds };
}

function applyEvent(
  engine: FeatureEngine,
  states: EntityStates,
  event: EventRecord,
  { profilesOf }: FoldContext,
): PaymentResult | LabelResult {
  switch (event.kind) {
    case "payment":
      return engine.applyPayment(states, event.transaction, profilesOf?.(event.transaction));
    case "label":
      return engine.applyLabel(states, event.label);
    case "update":
      return engine.applyUpdate(states, event.update);
  }
}

function countMisses(result: Counted, misses: number[]): void {
  if (!("values" in result)) return;
  for (const [profile, timeMs] of result.profileTimesMs.entries()) {
    if (timeMs === 0) misses[profile] = (misses[profile] ?? 0) + 1;
  }
}

type Counted = Exclude<PaymentResult | LabelResult, { duplicate: true }>;

/** The findings about an event that was counted. */
function writeFindings(
  writer: ByteWriter,
  engine: FeatureEngine,
  result: Counted,
  states: EntityStates,
  { nowMs, ...found }: Pick<FoldContext, "nowMs"> & Pick<ReportFindings, "incomplete" | "entityIds" | "explained">,
): void {
  const specVersion = engine.spec.version;
  const sequences = states.map((state) => state?.sequence ?? 0);
  const { tooLate } = result;
  const { incomplete } = found;
  const common = { specVersion, sequences, tooLate, incomplete };
  if ("values" in result) {
    const { values, profileTimesMs } = result;
    writeVectorFindings(writer, { ...common, values, computedAtMs: nowMs, profileTimesMs });
  } else writeReportFindings(writer, { ...common, ...found, appliedAtMs: nowMs });
}
