import { mkdir } from "node:fs/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import { openDisk } from "@tripline/lake/log/open-disk";
import { byCountedName, cutLake, readSourcePositions, startAfter } from "@tripline/lake/read/counted-range";
import { hashSlot, slotsOf } from "@tripline/lake/snapshot/hash-slot";
import type { Part, Slice } from "@tripline/lake/snapshot/lake-snapshots";
import { PARTS, SnapshotDraft } from "@tripline/lake/snapshot/lake-snapshots";
import type { SnapshotEntry } from "@tripline/lake/snapshot/snapshot-format";
import { TestArchive } from "@tripline/lake/testing/archive";

const TENANT = "bench";
const CLUSTER = "bench";
const TOPIC = TOPICS.features.name;
const DAY_MS = 86_400_000;
/** Cards per append. The test archive keeps all rows of an append in memory. */
const ROWS_PER_APPEND = 5_000;
/** States per slice of the generated snapshot. */
const STATES_PER_SLICE = 500_000;

export interface LakeSize {
  readonly entities: number;
  /** Number of events before the snapshot. */
  readonly oldEvents: number;
  /** Events after the snapshot, each for a different card. */
  readonly newEvents: number;
}

/** The state of one of a payment's entities, as bytes. */
interface Template {
  readonly entity: number;
  readonly value: Uint8Array;
}

/**
 * A lake with a snapshot of generated states. Each card has its own terminal, so the states of all cards have the same
 * bytes but different keys.
 */
export class MadeLake {
  readonly engine = compileEngine(currentFeatureSpec());
  states = 0;
  #archived = 0;

  constructor(readonly lake: string) {}

  /** Stands in for Kafka. The group has handled every record, and all of them are in the lake. */
  readonly admin = {
    clusterId: async () => CLUSTER,
    endOffsets: async (topic: string) => new Map([[0, topic === TOPIC ? this.#archived : 0]]),
    committedOffsets: async () => new Map([[0, 0]]),
    groupMembers: async () => 0,
  };

  async fill({ entities, oldEvents, newEvents }: LakeSize): Promise<void> {
    await mkdir(this.lake, { recursive: true });
    const nowMs = Date.now();
    const first = this.#apply(paymentOf(0, nowMs - DAY_MS), []);
    const cards = Math.ceil(entities / first.templates.length);
    this.states = cards * first.templates.length;
    // The snapshot contains these events, so nothing reads them again.
    await this.#archive(oldEvents, (index) => vectorOf(paymentOf(index % cards, nowMs - DAY_MS, "old", index), first));
    await this.#snapshot(cards, first.templates, nowMs - DAY_MS);
    const second = this.#apply(paymentOf(0, nowMs, "new"), first.templates);
    await this.#archive(Math.min(newEvents, cards), (index) => vectorOf(paymentOf(index, nowMs, "new"), second));
  }

  /** Counts a payment, starting from the states after an earlier payment by the same card. */
  #apply(payment: Transaction, before: readonly Template[]): Counted {
    const { engine } = this;
    const states = engine.stateKeys(TENANT, payment).map((key, entity) => {
      const value = before.find((template) => template.entity === entity)?.value ?? null;
      return key === undefined ? undefined : engine.decodeState(entity, value);
    });
    const result = engine.applyPayment(states, payment);
    if (result.duplicate) throw new Error("the generated payment is a duplicate");
    const templates = states.flatMap((state, entity) =>
      state === undefined ? [] : [{ entity, value: engine.encodeState(entity, state) }],
    );
    const { values, tooLate, profileTimesMs } = result;
    const sequences = states.map((state) => state?.sequence ?? 0);
    return { templates, values, tooLate, profileTimesMs, sequences, specVersion: engine.spec.version };
  }

  async #archive(count: number, make: (index: number) => FeatureVector): Promise<void> {
    const archive = new TestArchive(this.lake, { cluster: CLUSTER, topicPrefix: "" });
    for (let from = 0; from < count; from += ROWS_PER_APPEND) {
      const size = Math.min(ROWS_PER_APPEND, count - from);
      const records = Array.from({ length: size }, (_, row) => ({
        partition: 0,
        offset: this.#archived + row,
        value: FeatureVector.encode(make(from + row)).finish(),
      }));
      await archive.append(TOPIC, records);
      this.#archived += size;
    }
  }

  async #snapshot(cards: number, templates: readonly Template[], changedAtMs: number): Promise<void> {
    const { engine, lake } = this;
    const layout = { specVersion: engine.spec.version, fingerprint: layoutFingerprint(engine.entities) };
    const sources = await readSourcePositions(lake);
    const cut = await cutLake(lake);
    const draft = await SnapshotDraft.begin(await openDisk(lake), lake, changedAtMs);
    const slices = 2 ** Math.ceil(Math.log2(Math.max(1, this.states / STATES_PER_SLICE)));
    for (const part of PARTS) {
      for (let index = 0; index < slices; index += 1) {
        const slots = slotsOf(index, slices);
        const entries = [...this.#entries(cards, templates, { part, slots, changedAtMs })];
        await draft.add({ part, slots }, { ...layout, entries: entries.length }, entries);
      }
    }
    const none = byCountedName(() => new Map<number, number>());
    const next = await startAfter(lake, cut, none);
    await draft.finish({ takenAtMs: changedAtMs, ...layout, next, sources, explained: [] });
  }

  *#entries(
    cards: number,
    templates: readonly Template[],
    { part, slots, changedAtMs }: { readonly part: Part; readonly slots: Slice["slots"]; readonly changedAtMs: number },
  ): Generator<SnapshotEntry> {
    const wanted = templates.filter(({ entity }) => (entity === 0) === (part === "first"));
    for (let card = 0; card < cards; card += 1) {
      const keys = this.engine.stateKeys(TENANT, paymentOf(card, changedAtMs));
      for (const { entity, value } of wanted) {
        const key = keys[entity];
        if (key === undefined) continue;
        const slot = hashSlot(key);
        if (slot >= slots[0] && slot < slots[1]) yield [key, value, changedAtMs];
      }
    }
  }
}

interface Counted extends Pick<FeatureVector, "values" | "tooLate" | "profileTimesMs" | "sequences" | "specVersion"> {
  readonly templates: readonly Template[];
}

function vectorOf(transaction: Transaction, { templates: _, ...counted }: Counted): FeatureVector {
  return { transaction, computedAtMs: transaction.acceptedAtMs, incomplete: false, ...counted };
}

function paymentOf(card: number, occurredAtMs: number, name = "first", index = card): Transaction {
  const clientTransactionId = `${name}-${index}`;
  return {
    transactionId: transactionId(TENANT, clientTransactionId),
    clientTransactionId,
    tenant: TENANT,
    cardToken: `ct_${String(card).padStart(32, "0")}`,
    ...UNSENT,
    terminalId: `t-${card}`,
    amountMinor: 1_250,
    currency: "EUR",
    occurredAtMs,
    acceptedAtMs: occurredAtMs,
    latitude: undefined,
    longitude: undefined,
  };
}
