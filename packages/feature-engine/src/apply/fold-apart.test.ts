import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import type { TestEvent } from "../testing/counter.js";
import { OnlineCounter } from "../testing/counter.js";
import { neighbourSpec, updateSpec } from "../testing/specs.js";
import type { FeatureEngine } from "./compile-engine.js";
import { compileEngine } from "./compile-engine.js";
import type { CountedEvent } from "./counted-event.js";
import { isIncomplete, stateKeysOf } from "./counted-event.js";
import { FoldDecisions } from "./fold-decisions.js";
import type { FoldedState } from "./fold-in-order.js";
import { FoldInOrder } from "./fold-in-order.js";

/* Folding the entities of an event separately gives the same states as folding them together. */

const ENGINES = [
  ["the shipped features", compileEngine(currentFeatureSpec())],
  ["features over payment updates", compileEngine(updateSpec)],
  ["confirmed frauds of partners", compileEngine(neighbourSpec)],
] as const;
const START_MS = Date.UTC(2024, 1, 28);
const DAY_MS = 86_400_000;

interface Stored {
  readonly value: Uint8Array;
  readonly changedAtMs: number | undefined;
}

const histories = fc
  .array(
    fc.record({
      kind: fc.constantFrom("payment", "payment", "label", "update"),
      card: fc.nat(3),
      terminal: fc.nat(2),
      device: fc.option(fc.nat(2), { nil: undefined }),
      // An unusual payment explains a label with the same time.
      lateMs: fc.oneof(fc.constant(0), fc.nat(2 * DAY_MS)),
      // Some amounts are far above the usual one, so these payments explain frauds.
      amountMinor: fc.oneof(fc.nat(1_000), fc.nat(1_000_000)),
      waitMs: fc.oneof(fc.constant(0), fc.nat(5_000), fc.nat(DAY_MS)),
    }),
    { minLength: 10, maxLength: 60 },
  )
  .map((steps) => {
    let atMs = START_MS;
    return steps.map(({ waitMs, lateMs, kind, ...step }, id): { event: TestEvent; waitMs: number } => {
      atMs += waitMs;
      const event = { ...step, id, label: kind === "label", update: kind === "update", atMs: atMs - lateMs };
      return { waitMs, event };
    });
  });

function encoded(engine: FeatureEngine, states: Iterable<FoldedState>): Map<string, Stored> {
  return new Map(
    [...states].map(({ key, entity, state, countedAtMs }) => [
      key,
      { value: engine.encodeState(entity, state), changedAtMs: countedAtMs },
    ]),
  );
}

type ErasedAtMs = (key: string) => number | undefined;

function foldTogether(engine: FeatureEngine, events: readonly CountedEvent[], erasedAtMs: ErasedAtMs) {
  const folding = new FoldInOrder({ engine, onPayment: () => {}, erasedAtMs });
  for (const event of events) folding.add(event);
  folding.finish();
  return encoded(engine, folding.states());
}

interface ApartOptions {
  readonly before?: ReadonlyMap<string, Stored>;
  readonly decisions?: FoldDecisions;
  readonly erasedAtMs: ErasedAtMs;
}

function foldApart(engine: FeatureEngine, events: readonly CountedEvent[], options: ApartOptions) {
  const { before = new Map<string, Stored>(), erasedAtMs } = options;
  let decisions = options.decisions ?? new FoldDecisions();
  const states = new Map(before);
  const stuck = new Set<CountedEvent>();
  for (const entity of engine.entities.keys()) {
    // Another thread folds the other entities.
    if (entity === 1) decisions = copyOf(decisions);
    const folding = new FoldInOrder({
      engine,
      onPayment: () => {},
      erasedAtMs,
      decisions,
      stateBefore: (key) => before.get(key)?.value ?? null,
      changedBefore: (key) => before.get(key)?.changedAtMs,
      onDropped: (event) => entity === 0 && decisions.drop(event),
    });
    for (const event of events) if (entity === 0 || decisions.isDecided(event)) folding.add(event, entity);
    folding.finish();
    // A state without events is waiting for its first one and has no time.
    const begun = [...folding.states()].filter(({ state }) => state.sequence > 0);
    for (const [key, state] of encoded(engine, begun)) states.set(key, state);
    for (const event of folding.stuck) {
      stuck.add(event);
      if (entity === 0) decisions.defer(event);
    }
  }
  return { states, stuck: [...stuck], decisions };
}

function copyOf(decisions: FoldDecisions): FoldDecisions {
  const copy = new FoldDecisions();
  copy.add(structuredClone(decisions.names()));
  return copy;
}

function emittedBy(
  engine: FeatureEngine,
  steps: readonly { event: TestEvent; waitMs: number }[],
  cuts: readonly number[] = [],
) {
  const online = new OnlineCounter(engine);
  online.nowMs = START_MS;
  for (const [index, { event, waitMs }] of steps.entries()) {
    if (cuts[0] === index) online.lose();
    if (cuts[1] === index) {
      const folding = new FoldInOrder({ engine, onPayment: () => {} });
      for (const emitted of online.emitted) folding.add(emitted);
      folding.finish();
      online.restore(folding.states());
    }
    online.nowMs += waitMs;
    online.count(event);
  }
  return online.emitted;
}

/** In some histories, a card is erased at some point, possibly before a fold that adds its earlier frauds. */
const erasures = fc.option(fc.record({ card: fc.nat(3), afterMs: fc.nat(5 * DAY_MS) }), { nil: undefined });

function erasedBy(
  engine: FeatureEngine,
  erasure: { card: number; afterMs: number } | undefined,
  events: readonly CountedEvent[],
) {
  const keys = events.map((event) => stateKeysOf(engine, event)[0] ?? "");
  const [erased] = keys.slice((erasure?.card ?? 0) % Math.max(keys.length, 1));
  return (key: string) => (erasure !== undefined && key === erased ? START_MS + erasure.afterMs : undefined);
}

test.each(ENGINES)(
  "the states are the same with duplicate records, a loss of states and an erasure: %s",
  (_name, engine) => {
    const cuts = fc.tuple(fc.nat(60), fc.nat(60));
    fc.assert(
      fc.property(histories, cuts, fc.nat(60), erasures, (steps, [one, other], again, erasure) => {
        const events = emittedBy(engine, steps, [Math.min(one, other), Math.max(one, other)]);
        // The reader of the lake returns each incomplete event only once.
        const repeated = events.slice(again, again + 3).filter((event) => !isIncomplete(event));
        const given = [...events.slice(0, again + 3), ...repeated, ...events.slice(again + 3)];
        const erasedAtMs = erasedBy(engine, erasure, events);
        const apart = foldApart(engine, given, { erasedAtMs });
        expect(apart.stuck).toEqual([]);
        expect(apart.states).toEqual(foldTogether(engine, given, erasedAtMs));
      }),
      { numRuns: 60 },
    );
  },
);

test.each(ENGINES)(
  "the states are the same after two folds, the first of which lacks some records: %s",
  (_name, engine) => {
    const late = fc.uniqueArray(fc.nat(59), { maxLength: 4 });
    fc.assert(
      fc.property(histories, fc.nat(60), late, erasures, (steps, end, lateOnes, erasure) => {
        const events = emittedBy(engine, steps);
        const erasedAtMs = erasedBy(engine, erasure, events);
        const isLate = (index: number) => index >= end || lateOnes.includes(index);
        const first = foldApart(
          engine,
          events.filter((_, index) => !isLate(index)),
          { erasedAtMs },
        );
        const decisions = new FoldDecisions(first.decisions.explained(first.stuck));
        const missing = events.filter((_, index) => isLate(index));
        // Stuck events are read again, together with later records.
        const from = Math.min(end, ...first.stuck.map((event) => events.indexOf(event)));
        const tail = events.filter((event, index) => index >= from || missing.includes(event));
        const { states, stuck } = foldApart(engine, tail, { before: first.states, decisions, erasedAtMs });
        expect(stuck).toEqual([]);
        expect(states).toEqual(foldTogether(engine, events, erasedAtMs));
      }),
      { numRuns: 100 },
    );
  },
);

describe("a fraud counted before the erasure of its card, and folded only afterwards", () => {
  const engine = compileEngine(currentFeatureSpec());
  const online = new OnlineCounter(engine);
  const pays = (id: number, amountMinor: number, label = false) => {
    online.nowMs = START_MS + id * 60_000;
    const atMs = label ? START_MS + (id - 1) * 60_000 : online.nowMs;
    online.count({ id, label, card: 1, terminal: 1, device: undefined, amountMinor, atMs });
  };
  for (let id = 0; id < 5; id += 1) pays(id, 1_000);
  pays(5, 1_000_000);
  pays(6, 0, true);
  const events = online.emitted;
  const erasedAtMs = (key: string) => (key.includes("card") ? START_MS + DAY_MS : undefined);

  const foldedLater = (change: object) => {
    const first = foldApart(engine, events.slice(0, -1), { erasedAtMs });
    const fraud = events.slice(-1).map((event): CountedEvent => {
      if (event.kind !== "label") throw new Error("the last event is the fraud");
      return { ...event, applied: { ...event.applied, ...change } };
    });
    return foldApart(engine, fraud, { before: first.states, erasedAtMs }).states;
  };
  const together = foldTogether(engine, events, erasedAtMs);

  test("regression #29: counts the same events as the online service", () => {
    expect(events.at(-1)).toMatchObject({ applied: { explained: true } });
    expect(foldedLater({})).toEqual(together);
  });

  test.each([
    ["its record comes from a version that did not store whether the card explained it", { explained: undefined }],
    ["another spec judged it", { specVersion: engine.spec.version - 1 }],
  ])("is judged without the erased history if %s", (_case, change) => {
    expect(foldedLater(change)).not.toEqual(together);
  });
});

test.each(ENGINES)(
  "an event counted while states were lost counts in no entity if its card remembers it: %s",
  (_name, engine) => {
    const online = new OnlineCounter(engine);
    for (const id of [0, 1, 4, 6]) {
      online.nowMs = START_MS + id * 60_000;
      const event = {
        id,
        label: id === 1,
        update: id === 6,
        card: 1,
        terminal: 1,
        device: undefined,
        amountMinor: 100,
      };
      online.count({ ...event, atMs: online.nowMs });
    }
    const again = online.emitted.map((event): CountedEvent => {
      const common = { incomplete: true, sequences: [1, 1] };
      const appliedAtMs = START_MS + 600_000;
      if (event.kind === "payment") {
        return { kind: "payment", vector: { ...event.vector, ...common, computedAtMs: appliedAtMs } };
      }
      return event.kind === "label"
        ? { kind: "label", applied: { ...event.applied, ...common, appliedAtMs } }
        : { kind: "update", applied: { ...event.applied, ...common, appliedAtMs } };
    });
    const given = [...online.emitted, ...again];
    expect(foldApart(engine, given, { erasedAtMs: () => undefined }).states).toEqual(
      foldTogether(engine, given, () => undefined),
    );
  },
);
