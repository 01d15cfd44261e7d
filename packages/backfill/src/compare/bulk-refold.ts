import { currencyDecimals } from "@tripline/contracts/currency";
import type { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { EventBlock } from "@tripline/feature-engine/bulk/event-block";
import type { ShareOptions } from "@tripline/feature-engine/bulk/share-fold";
import { FOLD_STEPS, ShareFold } from "@tripline/feature-engine/bulk/share-fold";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import { toThousandths } from "@tripline/feature-engine/online/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/online/counted-event";
import type { EventInTurn, FoldedPayment } from "@tripline/feature-engine/online/fold-in-order";
import type { ProfilePlan, ProfileRows } from "@tripline/feature-engine/profiles";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { hashId } from "@tripline/feature-engine/state/recent-ids";

/** The bulk engine; a test gives one that is wrong. */
export type OpenBulk = (options: ShareOptions) => Pick<ShareFold, "fold" | "restore">;

export interface BulkRefoldOptions {
  readonly engine: FeatureEngine;
  readonly openBulk?: OpenBulk;
  /** As of `FoldInOrder`. */
  readonly profilesOf?: (vector: FeatureVector) => ProfileRows;
  /** @param values by feature of the spec; undefined where the payment came too late for the bulk engine */
  readonly onPayment: (payment: FoldedPayment, values: readonly (number | undefined)[]) => void;
}

/** More events take more memory: about 1.5 kB each. */
const BLOCK_EVENTS = 20_000;

/**
 * Computes payments in bulk that `FoldInOrder` folds. The bulk engine wants an entity's events in order of time. So the
 * entities of an event that comes later than that are left out for it, and start anew from the state that it leaves.
 */
export class BulkRefold {
  readonly #options: Required<BulkRefoldOptions>;
  #block: Row[] = [];
  #entities: BlockEntities[] = [];

  constructor(options: BulkRefoldOptions) {
    this.#options = { openBulk: (share) => new ShareFold(share), profilesOf: () => [], ...options };
    this.#clear();
  }

  /** To be called for each event before it is counted. */
  add({ event, keys, states, isOrdered }: EventInTurn): void {
    if (this.#block.length >= BLOCK_EVENTS) this.flush();
    const { engine } = this.#options;
    const fact = event.kind === "payment" ? event.vector.transaction : event.applied.label;
    if (fact === undefined) return;
    const ids = engine.entityIds(fact);
    const entries = keys.map((key, entity) => {
      const state = states[entity];
      // Labels do not change the states of optional entities.
      const isNamed = event.kind === "payment" || engine.entities[entity]?.optional !== true;
      if (key === undefined || state === undefined || !isNamed) return undefined;
      return { key, id: ids[entity] ?? "", at: this.#entities[entity]?.startOf(key, ids[entity] ?? "", state) };
    });
    const late = entries.map((entry) => entry?.at !== undefined && (!isOrdered || isLate(entry.at, event)));
    // What the judge says of a label it cannot say of one that is late for it.
    const isLost = event.kind === "label" && late.includes(true);
    const numbers = entries.map((entry, entity) => {
      if (entry?.at === undefined) return -1;
      if (isLost || late[entity] === true) return this.#entities[entity]?.leaveOut(entry.key, entry.id) ?? -1;
      entry.at.sequence += 1;
      entry.at.lastMs = atMsOf(event);
      entry.at.lastIsPayment = event.kind === "payment";
      return entry.at.number;
    });
    this.#block.push({ event, numbers, late, folded: undefined });
  }

  /** The payment that was added last has been folded. */
  addFolded(payment: FoldedPayment): void {
    const row = this.#block.at(-1);
    if (row !== undefined) row.folded = payment;
  }

  /** Computes what was added so far. To be called at the end. */
  flush(): void {
    const { engine, openBulk, profilesOf, onPayment } = this.#options;
    const { features } = engine.spec;
    const payments = this.#block.filter(({ event }) => event.kind === "payment");
    const labels = this.#block.filter(({ event }) => event.kind === "label");
    const bulk = openBulk({
      spec: engine.spec,
      share: 0,
      shares: 1,
      counts: this.#entities.map(({ starts }) => starts.length),
      hashes: this.#entities.map(({ hashes }) => Uint32Array.from(hashes)),
    });
    for (const [entity, { starts }] of this.#entities.entries()) {
      for (const [number, bytes] of starts.entries()) bulk.restore(entity, number, engine.decodeState(entity, bytes));
    }
    const block = blockOf(payments, labels, this.#entities.length, engine.profiles, profilesOf);
    const columns = features.map(() => new Float64Array(payments.length));
    for (const step of FOLD_STEPS) bulk.fold(step, block, columns);
    const names = engine.entities.map(({ name }) => name);
    const places = features.map((feature) =>
      "entity" in feature && feature.kind !== "profile" ? names.indexOf(feature.entity) : -1,
    );
    for (const [row, { folded, late }] of payments.entries()) {
      if (folded === undefined) continue;
      onPayment(
        folded,
        columns.map((column, index) => (late[places[index] ?? -1] === true ? undefined : column[row])),
      );
    }
    this.#clear();
  }

  #clear(): void {
    const { engine } = this.#options;
    this.#block = [];
    this.#entities = engine.entities.map(
      (_, entity) => new BlockEntities((state) => engine.encodeState(entity, state)),
    );
  }
}

interface Row {
  readonly event: CountedEvent;
  /** By entity of the spec: its number in the block, -1 for none. */
  readonly numbers: readonly number[];
  /** By entity of the spec: whether the event was counted after a newer one of the same entity. */
  readonly late: readonly boolean[];
  folded: FoldedPayment | undefined;
}

/** Where an entity stands within a block. */
interface Standing {
  readonly number: number;
  /** Sequence number that its state has by now. */
  sequence: number;
  lastMs: number;
  lastIsPayment: boolean;
}

/** The entities of one kind within a block. */
class BlockEntities {
  /** By number: the bytes of the state from which it starts; null for an empty one. */
  readonly starts: (Uint8Array | null)[] = [];
  /** By number: first 32 bits of the hash of its id. */
  readonly hashes: number[] = [];
  readonly #standings = new Map<string, Standing>();
  readonly #hash = { high: 0, low: 0 };

  constructor(private readonly encode: (state: EntityState) => Uint8Array) {}

  /** An entity starts from the state it has when it is met first, and anew where online had forgotten that state. */
  startOf(key: string, id: string, state: EntityState): Standing {
    const known = this.#standings.get(key);
    if (known?.sequence === state.sequence) return known;
    const { sequence, payments, labels } = state;
    const lastMs = Math.max(payments.newestMs, labels.newestMs);
    const lastIsPayment = payments.newestMs >= labels.newestMs;
    const standing = { number: this.#add(id, this.encode(state)), sequence, lastMs, lastIsPayment };
    this.#standings.set(key, standing);
    return standing;
  }

  /** @returns a number for one event that nothing is asked of: others still have to know the entity by its hash */
  leaveOut(key: string, id: string): number {
    this.#standings.delete(key);
    return this.#add(id, null);
  }

  #add(id: string, start: Uint8Array | null): number {
    hashId(id, this.#hash);
    this.hashes.push(this.#hash.high);
    return this.starts.push(start) - 1;
  }
}

function atMsOf(event: CountedEvent): number {
  return (event.kind === "payment" ? event.vector.transaction?.occurredAtMs : event.applied.label?.labelledAtMs) ?? 0;
}

/** In bulk, labels come before payments of the same time. */
function isLate({ lastMs, lastIsPayment }: Standing, event: CountedEvent): boolean {
  const atMs = atMsOf(event);
  return atMs < lastMs || (atMs === lastMs && lastIsPayment && event.kind === "label");
}

function blockOf(
  paid: readonly Row[],
  known: readonly Row[],
  entities: number,
  profiles: readonly ProfilePlan[],
  profilesOf: (vector: FeatureVector) => ProfileRows,
): EventBlock {
  const rows = paid.map(({ event }) => (event.kind === "payment" ? profilesOf(event.vector) : []));
  const numbersOf = (rows: readonly Row[]) =>
    Array.from({ length: entities }, (_, entity) => Int32Array.from(rows, ({ numbers }) => numbers[entity] ?? -1));
  const payments = paid.flatMap(({ event }) => (event.kind === "payment" ? (event.vector.transaction ?? []) : []));
  const labels = known.flatMap(({ event }) => (event.kind === "label" ? (event.applied.label ?? []) : []));
  const decimals = payments.map(({ currency }) => currencyDecimals(currency));
  return {
    payments: {
      length: payments.length,
      // No state is asked for in the end, so it does not matter what stands for ids.
      firstReference: 0,
      atMs: Float64Array.from(payments, ({ occurredAtMs }) => occurredAtMs),
      amounts: Float64Array.from(payments, ({ amountMinor }, row) => amountMinor / 10 ** (decimals[row] ?? 0)),
      thousandths: Float64Array.from(payments, ({ amountMinor }, row) =>
        toThousandths(amountMinor, decimals[row] ?? 0),
      ),
      latitudes: Float64Array.from(payments, ({ latitude }) => latitude ?? Number.NaN),
      longitudes: Float64Array.from(payments, ({ longitude }) => longitude ?? Number.NaN),
      numbers: numbersOf(paid),
      profiles: profiles.map(({ columns }, profile) =>
        columns.map((_, column) => Float64Array.from(rows, (row) => row[profile]?.values[column] ?? Number.NaN)),
      ),
    },
    labels: {
      length: labels.length,
      atMs: Float64Array.from(labels, ({ labelledAtMs }) => labelledAtMs),
      frauds: Uint8Array.from(labels, ({ fraud }) => (fraud ? 1 : 0)),
      references: new Float64Array(labels.length),
      occurredAtMs: Float64Array.from(labels, ({ occurredAtMs }) => occurredAtMs),
      explained: new Uint8Array(labels.length),
      numbers: numbersOf(known),
    },
  };
}
