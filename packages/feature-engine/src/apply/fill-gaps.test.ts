import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import type { TestEvent } from "../testing/counter.js";
import { OnlineCounter } from "../testing/counter.js";
import { compileEngine } from "./compile-engine.js";
import type { CountedEvent } from "./counted-event.js";
import { countedAtMsOf, stateKeysOf } from "./counted-event.js";
import type { FoldedState } from "./fold-in-order.js";
import { FoldInOrder } from "./fold-in-order.js";
import type { NumberedEvent } from "./number-lost.js";
import { numberLost } from "./number-lost.js";

/* Archives in which some records are missing. */

const engine = compileEngine(currentFeatureSpec());
const START_MS = Date.UTC(2024, 1, 28);
const EVENTS = 60;

const events = fc.array(
  fc.record({
    label: fc.boolean(),
    card: fc.nat(5),
    terminal: fc.nat(3),
    device: fc.option(fc.nat(4), { nil: undefined }),
    amountMinor: fc.nat(100_000),
    waitMs: fc.oneof(fc.constant(0), fc.nat(20_000)),
  }),
  { minLength: 10, maxLength: EVENTS },
);

function counted(steps: readonly (Omit<TestEvent, "id" | "atMs"> & { waitMs: number })[]): readonly CountedEvent[] {
  const online = new OnlineCounter(engine);
  online.nowMs = START_MS;
  for (const [id, { waitMs, ...step }] of steps.entries()) {
    online.nowMs += waitMs;
    online.count({ ...step, id, atMs: online.nowMs });
  }
  return online.emitted;
}

/** An event whose record is missing: neither its values nor its position in the order are known. */
function withoutNumbers(event: CountedEvent): CountedEvent {
  if (event.kind === "payment") return { ...event, vector: { ...event.vector, sequences: [], values: [] } };
  if (event.kind === "label") return { ...event, applied: { ...event.applied, sequences: [] } };
  return { ...event, applied: { ...event.applied, sequences: [] } };
}

function fold(there: readonly CountedEvent[], passesGaps = false, numbered: readonly NumberedEvent[] = []) {
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

function bytesOf(states: Iterable<FoldedState>): ReadonlyMap<string, string> {
  const encode = ({ entity, state }: FoldedState) => Buffer.from(engine.encodeState(entity, state)).toString("hex");
  return new Map([...states].map((state) => [state.key, encode(state)]));
}

function keysOf(event: CountedEvent): readonly (string | undefined)[] {
  return stateKeysOf(engine, event);
}

function numbered(there: readonly CountedEvent[], known: readonly CountedEvent[]) {
  const first = fold(there, true);
  const last = new Map([...first.states()].map(({ key, state }) => [key, state.sequence]));
  return numberLost({
    lost: known.map(withoutNumbers),
    keysOf,
    gaps: first.gaps,
    lastNumberOf: (key) => last.get(key) ?? 0,
    isAnyIncomplete: false,
  });
}

test("regression #24: restores all states if the record of a payment or label is missing", () => {
  fc.assert(
    fc.property(events, fc.nat(EVENTS), (steps, at) => {
      const all = counted(steps);
      const missing = all[at % all.length];
      if (missing === undefined) return;
      const there = all.filter((event) => event !== missing);
      const folding = fold(there, true, numbered(there, [missing]));
      expect(folding).toMatchObject({ counted: all.length, stuck: [], gaps: [] });
      expect(bytesOf(folding.states())).toEqual(bytesOf(fold(all).states()));
    }),
    { numRuns: 40 },
  );
});

test("regression #24: restores several missing records if each has only one possible position; otherwise only their states are affected", () => {
  const places = fc.array(fc.nat(EVENTS), { minLength: 2, maxLength: 3 });
  let placed = 0;
  fc.assert(
    fc.property(events, places, (steps, lostAt) => {
      const all = counted(steps);
      const missing = new Set(lostAt.map((at) => all[at % all.length]).filter((event) => event !== undefined));
      const there = all.filter((event) => !missing.has(event));
      const expected = bytesOf(fold(all).states());
      const found = numbered(there, [...missing]);
      if (found !== undefined) placed += 1;
      const folding = fold(there, true, found);
      if (found === undefined) expect(folding).toMatchObject({ counted: there.length, stuck: [] });
      const concerned = new Set(found === undefined ? [...missing].flatMap(keysOf) : []);
      const states = bytesOf(folding.states());
      const others = [...expected].filter(([key]) => !concerned.has(key));
      expect(others.filter(([key, bytes]) => states.get(key) !== bytes)).toEqual([]);
    }),
    { numRuns: 40 },
  );
  expect(placed).toBeGreaterThan(0);
});

test("an event waits for an earlier one indefinitely, unless gaps are skipped", () => {
  const card = { label: false, card: 1, terminal: 1, device: undefined, amountMinor: 100, waitMs: 60_000 };
  const there = counted([card, card, card, card]).filter((_event, index) => index !== 1);
  expect(fold(there)).toMatchObject({ counted: 1, gaps: [] });
  expect(fold(there).stuck).toHaveLength(2);
  const gap = { number: 2, beforeMs: START_MS + 180_000 };
  expect(fold(there, true)).toMatchObject({ counted: 3, stuck: [], gaps: [gap, gap] });
});
