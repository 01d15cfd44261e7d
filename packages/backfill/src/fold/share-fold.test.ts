import { isDeepStrictEqual } from "node:util";
import { currencyDecimals } from "@tripline/contracts/currency";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { toThousandths } from "@tripline/feature-engine/feature-formulas";
import { isFound } from "@tripline/feature-engine/plan-entities";
import { isInForce, planProfiles } from "@tripline/feature-engine/profiles";
import type { IdHash } from "@tripline/feature-engine/state/recent-ids";
import { hashId } from "@tripline/feature-engine/state/recent-ids";
import type { OracleEvent } from "@tripline/feature-engine/testing/brute-force";
import { filteredSpec, neighbourSpec, sparseSpec, wideSpec } from "@tripline/feature-engine/testing/specs";
import { paymentOf, profileRowsOf, TestStates } from "@tripline/feature-engine/testing/states";
import { eventStreams } from "@tripline/feature-engine/testing/streams";
import fc from "fast-check";
import type { EventBlock } from "./event-block.js";
import type { IdOfReference, NamedReference } from "./id-references.js";
import { FOLD_STEPS, ShareFold } from "./share-fold.js";

/**
 * Sorts events as a backfill processes them: by time; at equal times, labels first, then by order of arrival. Ids are
 * unique, and a payment has at most one label.
 */
function inOrder(events: readonly OracleEvent[]): OracleEvent[] {
  const sorted = events
    .map((event, index) => ({ given: event.id, event: { ...event, id: `${event.kind} ${index}` } }))
    .sort((left, right) => left.event.atMs - right.event.atMs || left.event.kind.localeCompare(right.event.kind));
  const labelled = new Set<string>();
  return sorted.map(({ event }) => {
    if (event.kind === "payment") return event;
    const payment = sorted.find(
      ({ given, event: other }) =>
        given === event.about && other.entities.card === event.entities.card && !labelled.has(other.id),
    );
    if (payment !== undefined) labelled.add(payment.event.id);
    return { ...event, about: payment?.event.id ?? "unknown" };
  });
}

/** Events in the form that a backfill uses. */
class Numbered {
  readonly names: readonly string[];
  readonly ids: readonly string[][];
  readonly hashes: readonly Uint32Array[];

  constructor(
    private readonly spec: FeatureSpec,
    readonly events: readonly OracleEvent[],
  ) {
    this.names = Object.keys(spec.entities);
    this.ids = this.names.map((name) => [...new Set(events.flatMap(({ entities }) => entities[name] ?? []))].sort());
    this.hashes = this.ids.map((ids) => Uint32Array.from(ids, (id) => hashOf(id).high));
  }

  /** The events from `start` (inclusive) to `end` (exclusive). */
  block(start: number, end: number): EventBlock {
    const events = this.events.slice(start, end);
    const paid = events.filter(({ kind }) => kind === "payment");
    const known = events.filter(({ kind }) => kind === "label");
    const column = (of: readonly OracleEvent[], value: (event: OracleEvent) => number) => Float64Array.from(of, value);
    const numbers = (of: readonly OracleEvent[]) =>
      this.names.map((name, entity) =>
        Int32Array.from(of, ({ entities }) => this.ids[entity]?.indexOf(entities[name] ?? "") ?? -1),
      );
    const paidBefore = this.events.slice(0, start).filter(({ kind }) => kind === "payment").length;
    const decimals = ({ currency }: OracleEvent) => currencyDecimals(currency);
    return {
      payments: {
        length: paid.length,
        firstReference: paidBefore * 2,
        atMs: column(paid, ({ atMs }) => atMs),
        amounts: column(paid, (event) => event.amountMinor / 10 ** decimals(event)),
        thousandths: column(paid, (event) => toThousandths(event.amountMinor, decimals(event))),
        latitudes: column(paid, ({ latitude }) => latitude ?? Number.NaN),
        longitudes: column(paid, ({ longitude }) => longitude ?? Number.NaN),
        numbers: numbers(paid),
        profiles: this.#profiles(paid),
        passes: engineOf(this.spec).filters.map(({ passes }) =>
          Uint8Array.from(paid, (event) => {
            return passes(paymentOf(event), toThousandths(event.amountMinor, decimals(event))) ? 1 : 0;
          }),
        ),
        categories: engineOf(this.spec).categories.map(({ codeOf }) =>
          column(paid, (event) => codeOf(paymentOf(event))),
        ),
      },
      labels: {
        length: known.length,
        atMs: column(known, ({ atMs }) => atMs),
        frauds: Uint8Array.from(known, ({ fraud }) => (fraud ? 1 : 0)),
        explained: new Uint8Array(known.length),
        found: new Uint8Array(known.length),
        occurredAtMs: column(known, ({ atMs, occurredAtMs = atMs }) => occurredAtMs),
        references: column(known, (event) => this.#referenceOf(event)),
        numbers: numbers(known.map((event) => this.#withEntities(event))),
      },
    };
  }

  /** The profile values that are valid at each payment, joined as in a backfill. */
  #profiles(paid: readonly OracleEvent[]): Float64Array[][] {
    const plans = planProfiles(this.spec);
    const rows = paid.map((event) => profileRowsOf({ profiles: plans }, event));
    return plans.map((plan, profile) =>
      plan.columns.map((_, column) =>
        Float64Array.from(rows, (row, index): number => {
          const own = row[profile];
          const isKnown = own !== undefined && isInForce(own, paid[index]?.atMs ?? 0, plan);
          return isKnown ? (own.values[column] ?? Number.NaN) : Number.NaN;
        }),
      ),
    );
  }

  /** The reference of its payment plus 1, or an unused number if the payment does not exist. */
  #referenceOf(label: OracleEvent): number {
    const place = this.#payments.findIndex(({ id }) => id === label.about);
    return (place < 0 ? this.events.length + this.events.indexOf(label) : place) * 2 + 1;
  }

  /** Adds those entities of its payment that the label can reach through the card. */
  #withEntities(label: OracleEvent): OracleEvent {
    const payment = this.#payments.find(({ id }) => id === label.about);
    const counting = engineOf(this.spec).entities.filter(isFound);
    const others = counting.flatMap(({ name }) => {
      const id = payment?.entities[name];
      return id === undefined ? [] : [[name, id] as const];
    });
    return { ...label, entities: { ...Object.fromEntries(others), ...label.entities } };
  }

  get #payments(): readonly OracleEvent[] {
    return this.events.filter(({ kind }) => kind === "payment");
  }

  /** The hash of the event's id and, for a payment, the ids of the entities that its card remembers. */
  idOf(reference: number): NamedReference {
    const isPayment = reference % 2 === 0;
    const event = isPayment
      ? this.#payments[reference / 2]
      : this.events.find((other) => other.kind === "label" && this.#referenceOf(other) === reference);
    const remembered = engineOf(this.spec).entities[0]?.remembered ?? [];
    const ids = isPayment ? remembered.map((entity) => event?.entities[this.names[entity] ?? ""] ?? "") : [];
    return { ...hashOf(event?.id ?? ""), ids };
  }
}

function hashOf(id: string): IdHash {
  const hash = { high: 0, low: 0 };
  hashId(id, hash);
  return hash;
}

/** Each engine is compiled once: it is stateless, and becomes fast only after many events. */
const engines = new Map<FeatureSpec, ReturnType<typeof compileEngine>>();
function engineOf(spec: FeatureSpec): ReturnType<typeof compileEngine> {
  const engine = engines.get(spec) ?? compileEngine(spec);
  engines.set(spec, engine);
  return engine;
}

/** Folds the events in blocks that are split at `cuts`; after each block, all shares restart from their states. */
function foldInBlocks(spec: FeatureSpec, numbered: Numbered, cuts: readonly number[], shares: number) {
  const counts = numbered.ids.map((ids) => ids.length);
  const start = () =>
    Array.from({ length: shares }, (_, share) => {
      return new ShareFold({ spec, share, shares, counts, hashes: numbered.hashes });
    });
  const statesOf = (idOf?: IdOfReference) =>
    counts.flatMap((count, entity) => {
      const states = folds.map((fold) => fold.states(entity, idOf));
      return Array.from({ length: count }, (_, number) => ({
        entity,
        number,
        bytes: Buffer.from(states[number % shares]?.next().value ?? []),
      }));
    });
  let folds = start();
  const values: number[][] = [];
  for (const [index, from] of [0, ...cuts].entries()) {
    const block = numbered.block(from, cuts[index] ?? numbered.events.length);
    const out = spec.features.map(() => new Float64Array(block.payments.length).fill(Number.NaN));
    for (const step of FOLD_STEPS) for (const fold of folds) fold.fold(step, block, out);
    for (let row = 0; row < block.payments.length; row += 1) values.push(out.map((column) => column[row] ?? 0));
    const stored = statesOf();
    folds = start();
    for (const { entity, number, bytes } of stored) for (const fold of folds) fold.restore(entity, number, bytes);
  }
  const states = statesOf((reference) => numbered.idOf(reference)).map(
    ({ entity, number, bytes }) => [`${numbered.names[entity]} ${numbered.ids[entity]?.[number]}`, bytes] as const,
  );
  return { values, states: new Map(states) };
}

/** Folds with the engine, one event at a time. */
function foldOneByOne(spec: FeatureSpec, { events, ids, names }: Numbered) {
  const states = new TestStates(engineOf(spec));
  const values = events.flatMap((event) => {
    const answer = states.apply(event);
    if (answer === "duplicate") throw new Error(`${event.id} was taken for a repeat`);
    return answer.values === undefined ? [] : [answer.values];
  });
  const entries = names.flatMap((name, entity) =>
    (ids[entity] ?? []).map((id) => [`${name} ${id}`, Buffer.from(states.bytesOf(name, id))] as const),
  );
  return { values, states: new Map(entries) };
}

const CROWD = { cards: 1, terminals: 400, eventsMin: 300, eventsMax: 450, busy: true };

describe.each([
  ["the shipped spec", currentFeatureSpec(), 100, {}],
  ["every kind on every entity", wideSpec, 60, {}],
  ["a busy week", wideSpec, 12, { cards: 3, terminals: 4, eventsMin: 200, eventsMax: 300, busy: true }],
  ["entities that keep little", sparseSpec, 120, {}],
  ["filters", filteredSpec, 60, {}],
  ["confirmed frauds of partners", neighbourSpec, 60, { cards: 4 }],
  ["more payments of a card than it remembers", neighbourSpec, 12, { eventsMin: 100, eventsMax: 150, busy: true }],
  ["a card at more terminals than are kept", sparseSpec, 6, CROWD],
] as const)("a backfill with %s", (_name, spec, numRuns, shape) => {
  test("gives the engine's values and states, bit for bit, however the input is split", () => {
    const cutting = fc.array(fc.nat(450), { maxLength: 4 });
    fc.assert(
      fc.property(
        eventStreams({ ...shape, replaces: false }),
        cutting,
        fc.integer({ min: 1, max: 3 }),
        (stream, places, shares) => {
          const numbered = new Numbered(spec, inOrder(stream));
          const cuts = places.filter((place) => place <= numbered.events.length).sort((left, right) => left - right);
          const folded = foldInBlocks(spec, numbered, cuts, shares);
          const online = foldOneByOne(spec, numbered);
          // Jest would compare many thousands of numbers one by one, which takes longer than the folds.
          if (!isDeepStrictEqual(folded, online)) expect(folded).toEqual(online);
        },
      ),
      { numRuns },
    );
  });
});

test("gives the engine's results for amounts too large for an exact sum", () => {
  const amounts = [3e12, 1, 8.9e12, 8.9e12, 5, 8.9e12, 7, 2e12, 11].map(Math.floor);
  const events = amounts.map((amountMinor, index): OracleEvent => {
    const entities = { card: "c", terminal: "t" };
    const place = { latitude: undefined, longitude: undefined };
    const atMs = 20_000_000 * index + 1;
    return { kind: "payment", id: `p${index}`, entities, atMs, amountMinor, currency: "JPY", fraud: false, ...place };
  });
  const numbered = new Numbered(wideSpec, events);
  const folded = foldInBlocks(wideSpec, numbered, [4], 1);
  expect(folded.values).toEqual(foldOneByOne(wideSpec, numbered).values);
});
