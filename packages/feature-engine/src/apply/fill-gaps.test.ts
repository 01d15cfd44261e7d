import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import type { TestEvent } from "../testing/counter.js";
import { OnlineCounter } from "../testing/counter.js";
import { neighbourSpec, specOf } from "../testing/specs.js";
import type { FeatureEngine } from "./compile-engine.js";
import { compileEngine } from "./compile-engine.js";
import type { CountedEvent } from "./counted-event.js";
import { countedAtMsOf, stateKeysOf } from "./counted-event.js";
import type { FoldedState } from "./fold-in-order.js";
import { FoldInOrder } from "./fold-in-order.js";
import type { NumberedEvent } from "./number-lost.js";
import { numberLost } from "./number-lost.js";
import { UncertainStates } from "./uncertain-states.js";

/* Archives in which some records are missing. */

const shipped = compileEngine(currentFeatureSpec());
/** In this engine, labels and updates reach entities that they do not name. */
const finding = compileEngine(neighbourSpec);
const START_MS = Date.UTC(2024, 1, 28);
const EVENTS = 60;

const events = fc.array(
  fc.record({
    label: fc.boolean(),
    update: fc.constantFrom(false, false, false, true),
    card: fc.nat(5),
    terminal: fc.nat(3),
    device: fc.option(fc.nat(4), { nil: undefined }),
    amountMinor: fc.nat(100_000),
    waitMs: fc.oneof(fc.constant(0), fc.nat(20_000)),
  }),
  { minLength: 10, maxLength: EVENTS },
);

type Step = Omit<TestEvent, "id" | "atMs"> & { readonly waitMs: number };

function counted(engine: FeatureEngine, steps: readonly Step[]): readonly CountedEvent[] {
  const online = new OnlineCounter(engine);
  online.nowMs = START_MS;
  for (const [id, { waitMs, ...step }] of steps.entries()) {
    online.nowMs += waitMs;
    online.count({ ...step, id, atMs: online.nowMs });
  }
  return online.emitted;
}

/** An event whose record is missing: its values, its position and the entities that it reached are unknown. */
function withoutFindings(event: CountedEvent): CountedEvent {
  if (event.kind === "payment") return { ...event, vector: { ...event.vector, sequences: [], values: [] } };
  const nothing = { sequences: [], entityIds: [] };
  if (event.kind === "label") return { ...event, applied: { ...event.applied, ...nothing } };
  return { ...event, applied: { ...event.applied, ...nothing } };
}

function fold(
  engine: FeatureEngine,
  there: readonly CountedEvent[],
  passesGaps = false,
  numbered: readonly NumberedEvent[] = [],
) {
  const folding = new FoldInOrder({ engine, onPayment() {}, passesGaps });
  const left = [...numbered].sort((a, b) => a.beforeMs - b.beforeMs);
  const addUntil = (atMs: number) => {
    while (left[0] !== undefined && left[0].beforeMs <= atMs) folding.add(left.shift()?.event as CountedEvent);
  };
  for (const event of there) {
    addUntil(countedAtMsOf(event));
    folding.add(event);
  }
  addUntil(Number.POSITIVE_INFINITY);
  folding.finish();
  return folding;
}

function bytesOf(engine: FeatureEngine, states: Iterable<FoldedState>): ReadonlyMap<string, string> {
  const encode = ({ entity, state }: FoldedState) => Buffer.from(engine.encodeState(entity, state)).toString("hex");
  return new Map([...states].map((state) => [state.key, encode(state)]));
}

/** Folds an archive as a rebuild does. */
function foldAround(engine: FeatureEngine, there: readonly CountedEvent[], missing: readonly CountedEvent[]) {
  const lost = missing.map(withoutFindings);
  const first = fold(engine, there, true);
  const last = new Map([...first.states()].map(({ key, state }) => [key, state.sequence]));
  const numbered = numberLost({
    lost,
    keysOf: (event) => stateKeysOf(engine, event),
    gaps: first.gaps,
    lastNumberOf: (key) => last.get(key) ?? 0,
    isAnyIncomplete: false,
  });
  const isExact = numbered !== undefined;
  const uncertain = new UncertainStates({ engine, lost, gaps: first.gaps, isExact });
  if (uncertain.needsEvents) for (const event of there) uncertain.add(event);
  return { folding: fold(engine, there, true, numbered), isExact, uncertain: uncertain.keys };
}

/** The states that a rebuild neither restores nor reports as uncertain. */
function unnoticed(engine: FeatureEngine, steps: readonly Step[], lostAt: readonly number[]) {
  const all = counted(engine, steps);
  const missing = new Set(lostAt.map((at) => all[at % all.length]).filter((event) => event !== undefined));
  const there = all.filter((event) => !missing.has(event));
  const { folding, isExact, uncertain } = foldAround(engine, there, [...missing]);
  expect(folding).toMatchObject({ counted: isExact ? all.length : there.length, stuck: [] });
  const states = bytesOf(engine, folding.states());
  const expected = bytesOf(engine, fold(engine, all).states());
  const keys = [...expected.keys()].filter((key) => states.get(key) !== expected.get(key) && !uncertain.has(key));
  return { isExact, keys };
}

test("regression #24: restores all states if the record of a payment or label is missing", () => {
  fc.assert(
    fc.property(events, fc.nat(EVENTS), (steps, at) => {
      const all = counted(shipped, steps);
      const missing = all[at % all.length];
      if (missing === undefined) return;
      const there = all.filter((event) => event !== missing);
      const { folding, uncertain } = foldAround(shipped, there, [missing]);
      expect(folding).toMatchObject({ counted: all.length, stuck: [], gaps: [] });
      expect(bytesOf(shipped, folding.states())).toEqual(bytesOf(shipped, fold(shipped, all).states()));
      expect(uncertain.size).toBe(0);
    }),
    { numRuns: 40 },
  );
});

test("regression #24: restores several missing records if each has only one possible position; otherwise reports uncertain states", () => {
  const places = fc.array(fc.nat(EVENTS), { minLength: 1, maxLength: 3 });
  let placed = 0;
  fc.assert(
    fc.property(fc.constantFrom(shipped, finding), events, places, (engine, steps, lostAt) => {
      const { isExact, keys } = unnoticed(engine, steps, lostAt);
      if (isExact && lostAt.length > 1) placed += 1;
      expect(keys).toEqual([]);
    }),
    { numRuns: 80 },
  );
  expect(placed).toBeGreaterThan(0);
});

const PAYMENT: Step = { label: false, card: 0, terminal: 0, device: undefined, amountMinor: 0, waitMs: 0 };

test("regression #28: if the order of a card's payments is unknown, its terminals' fraud counts are reported as uncertain", () => {
  // Two payments at terminal 1 are lost, one of them an unusual payment of card 5. Card 5 later has a fraud.
  const steps = Array.from({ length: 28 }, () => PAYMENT);
  steps[11] = { ...PAYMENT, card: 5, amountMinor: 1 };
  steps[13] = { ...PAYMENT, terminal: 1 };
  steps[15] = { ...PAYMENT, card: 5, terminal: 1, amountMinor: 2 };
  steps[18] = { ...PAYMENT, card: 5, label: true };
  expect(unnoticed(shipped, steps, [13, 15])).toEqual({ isExact: false, keys: [] });
});

test.each([
  ["label of a fraud", { label: true, update: false }],
  ["payment update", { label: false, update: true }],
])("regression #28: the device that a lost %s reached through its payment is uncertain", (_name, report) => {
  const engine = compileEngine(
    specOf({ "1d": { width: "1d", tile: "1h" } }, [
      { kind: "neighbours", entity: "device", of: "card", window: "1d", counts: "fraud" },
      { kind: "update_count", entity: "device", window: "1d" },
      { kind: "update_count", entity: "card", window: "1d" },
    ]),
  );
  const steps = [{ ...PAYMENT, device: 1 }, { ...PAYMENT, card: 1 }, PAYMENT, PAYMENT];
  const lost = { ...PAYMENT, ...report };
  // Event 6, which is lost, is about payment 4.
  const all = counted(engine, [...steps, { ...PAYMENT, device: 1 }, PAYMENT, lost]);
  const { isExact, uncertain } = foldAround(engine, all.slice(0, -1), all.slice(-1));
  expect(isExact).toBe(true);
  expect([...uncertain]).toEqual(engine.stateKeys("demo", { cardToken: "", deviceToken: "d1" }).filter(Boolean));
});

test("an event waits for an earlier one indefinitely, unless gaps are skipped", () => {
  const card = { ...PAYMENT, card: 1, terminal: 1, amountMinor: 100, waitMs: 60_000 };
  const there = counted(shipped, [card, card, card, card]).filter((_event, index) => index !== 1);
  expect(fold(shipped, there)).toMatchObject({ counted: 1, gaps: [] });
  expect(fold(shipped, there).stuck).toHaveLength(2);
  const gap = { number: 2, beforeMs: START_MS + 180_000 };
  expect(fold(shipped, there, true)).toMatchObject({ counted: 3, stuck: [], gaps: [gap, gap] });
});
