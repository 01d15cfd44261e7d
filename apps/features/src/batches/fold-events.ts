import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import type {
  EntityStates,
  FeatureEngine,
  LabelResult,
  PaymentResult,
} from "@tripline/feature-engine/apply/compile-engine";
import type { ProfileRows } from "@tripline/feature-engine/profiles";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";
import type { Emission } from "../states/applied-batch.js";
import { BatchStates } from "../states/batch-states.js";
import type { FlaggedStates } from "../states/complete-mark.js";
import { isFlagged, NONE_FLAGGED } from "../states/complete-mark.js";
import { writeLabelFindings, writeVectorFindings } from "./encode-findings.js";
import type { EventRecord } from "./parse-event.js";

/** What the events of one partition led to. */
export interface PartFold {
  readonly emissions: readonly Emission[];
  readonly duplicates: number;
  readonly tooLate: number;
  /** Events while all states are lost. */
  readonly incomplete: number;
  /** Events of which a state is flagged. */
  readonly flagged: number;
  /** By profile of the spec: payments without a row in force. */
  readonly profileMisses: readonly number[];
}

/** How events of several partitions change the states, before anything is written. */
export interface PartsFold {
  /** One for each part, in their order. */
  readonly parts: readonly PartFold[];
  /** Encoded states that changed, by key. */
  readonly changed: ReadonlyMap<string, Uint8Array>;
}

export interface Fold extends PartFold, Pick<PartsFold, "changed"> {}

/** More than a payment with some sixty features has, so that the memory for a batch seldom has to grow. */
const FINDINGS_BYTES_EXPECTED = 560;

/** What is true of a whole fold. */
export interface FoldContext {
  /** Wall clock in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Stored states were lost and are not rebuilt yet. */
  readonly incomplete: boolean;
  /** Where they were rebuilt: the states that are not certain; none unless given. */
  readonly flagged?: FlaggedStates;
  /** The profiles of a payment's entities; none unless given. */
  readonly profilesOf?: (payment: Transaction) => ProfileRows;
}

/**
 * Applies events in their order to the states as they are stored, part after part.
 *
 * @param stored state bytes by key; has every key that the events name
 * @throws TriplineError `state-unreadable`; `invalid-field` for an event that cannot be counted
 */
export function foldParts(
  engine: FeatureEngine,
  stored: ReadonlyMap<string, Uint8Array | null>,
  parts: readonly (readonly EventRecord[])[],
  context: FoldContext,
): PartsFold {
  const states = new BatchStates(engine, stored);
  const events = parts.reduce((sum, part) => sum + part.length, 0);
  const writer = new ByteWriter(events * FINDINGS_BYTES_EXPECTED);
  const folds = parts.map((part) => foldPart(engine, states, writer, part, context));
  return { parts: folds, changed: states.encodeChanged() };
}

/** As `foldParts`, for the events of one partition. */
export function foldEvents(
  engine: FeatureEngine,
  stored: ReadonlyMap<string, Uint8Array | null>,
  events: readonly EventRecord[],
  context: FoldContext,
): Fold {
  const { parts, changed } = foldParts(engine, stored, [events], context);
  const [part = { emissions: [], duplicates: 0, tooLate: 0, incomplete: 0, flagged: 0, profileMisses: [] }] = parts;
  return { ...part, changed };
}

function foldPart(
  engine: FeatureEngine,
  states: BatchStates,
  writer: ByteWriter,
  events: readonly EventRecord[],
  context: FoldContext,
): PartFold {
  const emissions: Emission[] = [];
  let duplicates = 0;
  let tooLate = 0;
  let flagged = 0;
  const { nowMs, flagged: flaggedStates = NONE_FLAGGED } = context;
  const profileMisses = engine.profiles.map(() => 0);
  for (const event of events) {
    const ofEvent = states.of(event.stateKeys);
    const result =
      event.kind === "payment"
        ? engine.applyPayment(ofEvent, event.transaction, context.profilesOf?.(event.transaction))
        : engine.applyLabel(ofEvent, event.label);
    if (result.duplicate) {
      duplicates += 1;
      continue;
    }
    if (result.tooLate) tooLate += 1;
    const isUncertain = isFlagged(flaggedStates, event.stateKeys, nowMs);
    if (isUncertain) flagged += 1;
    countMisses(result, profileMisses);
    states.changed(event.stateKeys);
    const start = writer.length;
    writeFindings(writer, engine, result, ofEvent, { nowMs, incomplete: context.incomplete || isUncertain });
    emissions.push({ offset: event.offset, findings: writer.since(start) });
  }
  return {
    emissions,
    duplicates,
    tooLate,
    incomplete: context.incomplete ? emissions.length : 0,
    flagged,
    profileMisses,
  };
}

function countMisses(result: Counted, misses: number[]): void {
  if (!("values" in result)) return;
  for (const [profile, timeMs] of result.profileTimesMs.entries()) {
    if (timeMs === 0) misses[profile] = (misses[profile] ?? 0) + 1;
  }
}

type Counted = Exclude<PaymentResult | LabelResult, { duplicate: true }>;

/** What features has found out about an event that was counted. */
function writeFindings(
  writer: ByteWriter,
  engine: FeatureEngine,
  result: Counted,
  states: EntityStates,
  { nowMs, incomplete }: Pick<FoldContext, "nowMs" | "incomplete">,
): void {
  const specVersion = engine.spec.version;
  const sequences = states.map((state) => state?.sequence ?? 0);
  const { tooLate } = result;
  const common = { specVersion, sequences, tooLate, incomplete };
  if ("values" in result) {
    const { values, profileTimesMs } = result;
    writeVectorFindings(writer, { ...common, values, computedAtMs: nowMs, profileTimesMs });
  } else writeLabelFindings(writer, { ...common, appliedAtMs: nowMs });
}
