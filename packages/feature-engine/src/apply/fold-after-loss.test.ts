import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import type { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import fc from "fast-check";
import type { TestEvent } from "../testing/counter.js";
import { OnlineCounter } from "../testing/counter.js";
import { compileEngine } from "./compile-engine.js";
import type { CountedEvent } from "./counted-event.js";
import { FoldInOrder } from "./fold-in-order.js";

/* Archives of a service that lost and restored its states, or whose states expired. */

const spec = currentFeatureSpec();
const engine = compileEngine(spec);
const START_MS = Date.UTC(2024, 1, 28);
const DAY_MS = 86_400_000;
const TTL_MS = 45 * DAY_MS;

interface Step {
  readonly event: TestEvent;
  /** How far the wall clock advances before the event. */
  readonly waitMs: number;
}

const stepsOf = (waitsMs: fc.Arbitrary<number>) =>
  fc
    .array(
      fc.record({
        label: fc.boolean(),
        card: fc.nat(3),
        terminal: fc.nat(2),
        device: fc.option(fc.nat(2), { nil: undefined }),
        lateMs: fc.nat(2 * DAY_MS),
        amountMinor: fc.nat(100_000),
        waitMs: waitsMs,
      }),
      { minLength: 20, maxLength: 60 },
    )
    .map((steps) => {
      let atMs = START_MS;
      return steps.map(({ waitMs, lateMs, ...step }, id): Step => {
        atMs += waitMs;
        return { waitMs, event: { ...step, id, atMs: atMs - lateMs } };
      });
    });

function foldAll(events: readonly CountedEvent[], stateTtlMs = Number.POSITIVE_INFINITY) {
  const differing: FeatureVector[] = [];
  const folding = new FoldInOrder({
    engine,
    stateTtlMs,
    onPayment: ({ vector, values, tooLate }) => {
      const isSame = values.every((value, index) => Object.is(value, vector.values[index]));
      if (!isSame || tooLate !== vector.tooLate) differing.push(vector);
    },
  });
  for (const event of events) folding.add(event);
  folding.finish();
  return { folding, differing };
}

/**
 * The output of a service that loses its states before the event at the first cut, restores them before the event at
 * the second, and so on.
 */
function disturbed(steps: readonly Step[], cuts: readonly number[], ttlMs?: number): readonly CountedEvent[] {
  const online = new OnlineCounter(engine, ttlMs);
  online.nowMs = START_MS;
  for (const [index, { event, waitMs }] of steps.entries()) {
    for (const [turn, cut] of cuts.entries()) {
      if (cut !== index) continue;
      if (turn % 2 === 0) online.lose();
      else online.restore(foldAll(online.emitted, ttlMs).folding.states());
    }
    online.nowMs += waitMs;
    online.count(event);
  }
  return online.emitted;
}

const places = fc.array(fc.nat(60), { minLength: 4, maxLength: 4 });
/** Many events in the same millisecond, as in batches, and some days without any. */
const waits = fc.oneof(fc.constant(0), fc.nat(5_000), fc.nat(3 * DAY_MS));
const longWaits = fc.oneof(fc.constant(0), fc.nat(DAY_MS), fc.nat(100 * DAY_MS));

test.each([
  ["for ever", waits, undefined],
  ["for 45 days", longWaits, TTL_MS],
])("two losses and rebuilds, with states kept %s, give the results of an undisturbed run", (_name, waitsMs, ttlMs) => {
  fc.assert(
    fc.property(stepsOf(waitsMs), places, (steps, at) => {
      const cuts = at.map((place) => place % (steps.length + 1)).sort((a, b) => a - b);
      const [loss = 0, rebuild = 0, loss2 = 0, rebuild2 = 0] = cuts;
      const given = disturbed(steps, cuts, ttlMs);
      const calm = disturbed(steps, [], ttlMs);
      for (const [index, event] of given.entries()) {
        const isLost = (index >= loss && index < rebuild) || (index >= loss2 && index < rebuild2);
        if (event.kind === "payment") expect(event.vector.incomplete).toBe(isLost);
        if (!isLost) expect(event).toEqual(calm[index]);
      }
      const { folding, differing } = foldAll(given, ttlMs);
      expect(folding).toMatchObject({ counted: steps.length, repeated: 0, stuck: [] });
      expect(differing).toEqual([]);
    }),
    // Close to the end of a time to live, the result is not deterministic; this seed avoids those seconds.
    { numRuns: 60, seed: 4 },
  );
});

test("an event counted while states were lost is not reported, and follows all earlier ones, whatever its timestamp", () => {
  const online = new OnlineCounter(engine);
  const event = { label: false, card: 1, terminal: 1, device: undefined, amountMinor: 100 };
  online.count({ id: 0, atMs: START_MS, ...event });
  online.nowMs = 9_000;
  online.count({ id: 1, atMs: START_MS + 1, ...event });
  online.lose();
  // Another instance, with a clock that is behind.
  online.nowMs = 1_000;
  online.count({ id: 2, atMs: START_MS + 2, ...event });
  const [first, second, lost] = online.emitted;
  const emitted: string[] = [];
  const folding = new FoldInOrder({
    engine,
    onPayment: ({ vector }) => emitted.push(vector.transaction?.clientTransactionId ?? ""),
  });
  for (const one of [first, lost, second]) if (one !== undefined) folding.add(one);
  folding.finish();
  expect(folding).toMatchObject({ counted: 3, repeated: 0, stuck: [] });
  expect(emitted).toEqual(["0", "1"]);
  expect([...folding.states()].map(({ state }) => state.sequence)).toEqual([3, 3]);
});

test.each([
  ["seconds before", -5_000, 2],
  ["seconds after", 5_000, 1],
])(
  "the number of the next event, %s the end of the time to live, reveals whether a state expired",
  (_name, ms, number) => {
    const online = new OnlineCounter(engine, TTL_MS);
    const event = { label: false, card: 1, terminal: 1, device: undefined, amountMinor: 100 };
    online.count({ id: 0, atMs: START_MS, ...event });
    online.nowMs = TTL_MS + ms;
    online.count({ id: 1, atMs: START_MS + TTL_MS, ...event });
    // The clock of this instance may be behind or ahead of the clock of Redis.
    for (const skewMs of [-4_000, 0, 4_000]) {
      const [first, second] = online.emitted;
      if (first?.kind !== "payment" || second === undefined) throw new Error("a payment");
      const skewed: CountedEvent = { kind: "payment", vector: { ...first.vector, computedAtMs: skewMs } };
      const { folding, differing } = foldAll([skewed, second], TTL_MS);
      expect(folding).toMatchObject({ counted: 2, repeated: 0, stuck: [] });
      expect(differing).toEqual([]);
      expect([...folding.states()].map(({ state }) => state.sequence)).toEqual([number, number]);
    }
  },
);

test("expired states do not occupy memory", () => {
  const online = new OnlineCounter(engine, TTL_MS);
  const event = { label: false, terminal: 1, device: undefined, amountMinor: 100 };
  for (let id = 0; id < 100; id += 1) {
    online.nowMs += DAY_MS;
    online.count({ id, card: id, atMs: START_MS + id * DAY_MS, ...event });
  }
  const { folding } = foldAll(online.emitted, TTL_MS);
  const ages = [...folding.states()].map(({ countedAtMs }) => online.nowMs - (countedAtMs ?? 0));
  expect(ages.length).toBe(47);
  expect(Math.max(...ages)).toBe(45 * DAY_MS);
});

test("an initial state counts as touched when counting began, and expires in time", () => {
  const history = new OnlineCounter(engine);
  const event = { label: false, terminal: 1, device: undefined, amountMinor: 100 };
  history.count({ id: 0, card: 1, atMs: START_MS, ...event });
  const stored = new Map(
    [...foldAll(history.emitted).folding.states()].map(({ key, entity, state }) => [
      key,
      engine.encodeState(entity, state),
    ]),
  );
  const online = new OnlineCounter(engine, TTL_MS);
  online.nowMs = 5 * DAY_MS;
  online.count({ id: 1, card: 2, atMs: START_MS, ...event, terminal: 2 });
  online.nowMs += 46 * DAY_MS;
  online.count({ id: 2, card: 1, atMs: START_MS + 46 * DAY_MS, ...event });
  const folding = new FoldInOrder({
    engine,
    stateTtlMs: TTL_MS,
    stateBefore: (key) => stored.get(key) ?? null,
    onPayment: ({ vector, values }) => expect(values).toEqual(vector.values),
  });
  for (const one of online.emitted) folding.add(one);
  expect(folding).toMatchObject({ counted: 2, repeated: 0, stuck: [], beganAtMs: 5 * DAY_MS });
});

test("counts the existing events on request if others are missing, and later numbers continue from theirs", () => {
  const online = new OnlineCounter(engine);
  const event = { label: false, card: 1, device: undefined, amountMinor: 100 };
  for (let id = 0; id < 6; id += 1) online.count({ id, terminal: id % 2, atMs: START_MS + id, ...event });
  const left = online.emitted.filter((_, index) => index !== 2);
  expect(foldAll(left).folding).toMatchObject({ counted: 2, repeated: 0 });
  expect(foldAll(left).folding.stuck).toHaveLength(3);
  const folding = new FoldInOrder({ engine, onPayment: () => {} });
  for (const one of left) folding.addNow(one);
  folding.finish();
  expect(folding).toMatchObject({ counted: 5, repeated: 0, stuck: [] });
  const [card, terminal, other] = [...folding.states()];
  expect([card, terminal, other].map((one) => one?.state.sequence)).toEqual([6, 3, 3]);
  const counts = engine.readEntity(0, card?.state ?? engine.decodeState(0, null), START_MS + 10);
  expect(counts[engine.entityFeatures(0).indexOf("card_count_30d")]).toBe(5);
  // Events that an earlier state has already counted are skipped.
  const stored = new Map(
    [...folding.states()].map(({ key, entity, state }) => [key, engine.encodeState(entity, state)]),
  );
  const next = new FoldInOrder({ engine, onPayment: () => {}, stateBefore: (key) => stored.get(key) ?? null });
  online.count({ id: 6, terminal: 0, atMs: START_MS + 6, ...event });
  for (const one of online.emitted) next.addNow(one);
  next.finish();
  expect(next).toMatchObject({ counted: 1, covered: 6 });
});

test("events of one millisecond count in the order of their numbers", () => {
  const online = new OnlineCounter(engine);
  const event = { label: false, device: undefined, amountMinor: 100, atMs: START_MS };
  for (let id = 0; id < 8; id += 1) online.count({ id, card: id % 3, terminal: id % 2, ...event });
  const sameMs = online.emitted.map(
    (one): CountedEvent =>
      one.kind === "payment" ? { kind: "payment", vector: { ...one.vector, computedAtMs: START_MS } } : one,
  );
  const folding = new FoldInOrder({ engine, onPayment: () => {} });
  for (const one of sameMs.toReversed()) folding.addNow(one);
  folding.finish();
  const sequences = new Map([...folding.states()].map(({ key, state }) => [key, state.sequence]));
  expect([...sequences.values()].sort()).toEqual([2, 3, 3, 4, 4]);
});

test("reports two events with the same number, and does not merge them", () => {
  const online = new OnlineCounter(engine);
  const event = { label: false, card: 1, terminal: 1, device: undefined, amountMinor: 100 };
  online.count({ id: 0, atMs: START_MS, ...event });
  const [first] = online.emitted;
  if (first?.kind !== "payment") throw new Error("a payment");
  const again: CountedEvent = { kind: "payment", vector: { ...first.vector, sequences: [2, 2, 0, 0] } };
  const folding = new FoldInOrder({ engine, onPayment: () => {} });
  folding.add(first);
  expect(() => folding.add(again)).toThrow(expect.objectContaining({ code: "state-conflict" }));
});

test("does not wait for an entity that the spec added later", () => {
  const { entities, features, ...rest } = spec;
  const older = { card: entities.card, terminal: entities.terminal };
  const known = features.filter((feature) => !("entity" in feature) || feature.entity in older);
  const windows = Object.fromEntries(
    Object.entries(spec.windows).map(([name, { width, tile }]) => [
      name,
      { width: `${width / 60_000}m`, tile: `${tile / 60_000}m` },
    ]),
  );
  const before = compileEngine(
    parseFeatureSpec(
      JSON.stringify({
        ...rest,
        profiles: { card: { max_age: "90d" }, terminal: { max_age: "90d" } },
        entities: older,
        features: known,
        windows,
      }),
    ),
  );
  const online = new OnlineCounter(before);
  const event = { label: false, card: 1, terminal: 1, device: 1, amountMinor: 100 };
  for (let id = 0; id < 3; id += 1) online.count({ id, atMs: START_MS + id, ...event });
  expect(online.emitted[0]).toMatchObject({ vector: { sequences: [1, 1] } });
  const { folding } = foldAll(online.emitted);
  expect(folding).toMatchObject({ counted: 3, repeated: 0, stuck: [] });
  expect([...folding.states()].map(({ state }) => state.sequence)).toEqual([3, 3, 3]);
});
