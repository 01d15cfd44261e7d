import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import { OnlineCounter } from "../testing/counter.js";
import { compileEngine } from "./compile-engine.js";
import type { CountedEvent } from "./counted-event.js";
import type { FoldedPayment } from "./fold-in-order.js";
import { FoldInOrder } from "./fold-in-order.js";

/** The shipped spec with features over payment updates. */
const declines = { entity: "card", window: "1d", default: 0, sentence: "{value}" };
const spec: FeatureSpec = {
  ...currentFeatureSpec(),
  features: [
    ...currentFeatureSpec().features,
    { ...declines, name: "declines", kind: "update_count", where: { kind: ["declined"] } },
    { ...declines, name: "declined_share", kind: "declined_share" },
  ],
};
const engine = compileEngine(spec);
const START_MS = Date.UTC(2024, 1, 28);

/** The records that features would emit for events in this order. */
const logsOf = (minLength: number) =>
  fc
    .array(
      fc.record({
        label: fc.boolean(),
        update: fc.nat(3).map((one) => one === 0),
        card: fc.nat(3),
        terminal: fc.nat(2),
        device: fc.option(fc.nat(2), { nil: undefined }),
        stepMs: fc.integer({ min: -86_400_000, max: 4 * 86_400_000 }),
        amountMinor: fc.nat(100_000),
      }),
      { minLength, maxLength: 60 },
    )
    .map((steps) => {
      const online = new OnlineCounter(engine);
      let newestMs = START_MS;
      for (const [id, { stepMs, ...step }] of steps.entries()) {
        const atMs = newestMs + stepMs;
        newestMs = Math.max(newestMs, atMs);
        online.count({ id, atMs, ...step });
      }
      return online.emitted;
    });

const logs = logsOf(0);
const longLogs = fc.sample(logsOf(40), { numRuns: 20, seed: 3 });
const log = longLogs[0] ?? [];

function fold(events: readonly CountedEvent[], options: Partial<ConstructorParameters<typeof FoldInOrder>[0]> = {}) {
  const payments: FoldedPayment[] = [];
  const folding = new FoldInOrder({ engine, onPayment: (payment) => payments.push(payment), ...options });
  for (const event of events) folding.add(event);
  return { folding, payments };
}

test("events in any order, with duplicates, give the emitted features", () => {
  fc.assert(
    fc.property(
      logs.chain((log) =>
        fc.shuffledSubarray([...log, ...log.slice(0, 5)], { minLength: log.length + Math.min(5, log.length) }),
      ),
      (shuffled) => {
        const { folding, payments } = fold(shuffled);
        expect(folding.stuck).toEqual([]);
        expect(folding.counted + folding.repeated).toBe(shuffled.length);
        for (const { vector, values, tooLate } of payments) {
          expect(values).toEqual(vector.values);
          expect(tooLate).toBe(vector.tooLate);
        }
        const emitted = new Set(shuffled.flatMap((event) => (event.kind === "payment" ? [event.vector] : [])));
        expect(payments).toHaveLength(new Set([...emitted].map(({ transaction }) => transaction?.transactionId)).size);
      },
    ),
    { numRuns: 200 },
  );
});

test("a run that is split in two continues from the states of its first half", () => {
  fc.assert(
    fc.property(logs, fc.double({ min: 0, max: 1, noNaN: true }), (log, share) => {
      const cut = Math.floor(log.length * share);
      const first = fold(log.slice(0, cut)).folding;
      const stored = new Map(
        [...first.states()].map(({ key, entity, state }) => [key, engine.encodeState(entity, state)]),
      );
      const stateBefore = (key: string) => stored.get(key) ?? null;
      const { folding, payments } = fold(log.slice(cut), { stateBefore });
      expect(folding.stuck).toEqual([]);
      expect(folding.covered).toBe(0);
      // Records from before the cut are recognised as covered, and those after it as repetitions.
      const again = fold([...log, ...log.slice(cut)], { stateBefore }).folding;
      expect(again).toMatchObject({ covered: cut, counted: log.length - cut, repeated: log.length - cut });
      for (const { vector, values } of payments) expect(values).toEqual(vector.values);
    }),
    { numRuns: 100 },
  );
});

test("reports an event whose predecessor is missing, and does not fold it", () => {
  const events = log;
  const { folding, payments } = fold(events.slice(1));
  expect(folding.stuck.length).toBeGreaterThan(0);
  expect(folding.stuck.length + folding.counted).toBe(events.length - 1);
  expect(payments.length).toBeLessThan(events.length);
});

test("limits the number of waiting events", () => {
  expect(() => fold(log.toReversed(), { waitingMax: 3 })).toThrow(expect.objectContaining({ code: "queue-full" }));
});

test("reports the largest deviation from event-time order", () => {
  const { payments } = fold(log);
  expect(payments.some(({ strayMs }) => strayMs > 0)).toBe(true);
  const sorted = payments.map(({ vector }) => vector.transaction?.occurredAtMs ?? 0);
  const newest = Math.max(...payments.map(({ strayMs }) => strayMs));
  expect(newest).toBeLessThanOrEqual(Math.max(...sorted) - Math.min(...sorted));
});

test("a spec with windows that differ by one tile gives different features", () => {
  const off = parseFeatureSpec(
    JSON.stringify({
      ...spec,
      profiles: { card: { max_age: "90d" }, terminal: { max_age: "90d" } },
      windows: { ...named(), "7d": { width: "174h", tile: "6h" } },
    }),
  );
  let different = 0;
  for (const events of longLogs) {
    fold(events, {
      engine: compileEngine(off),
      onPayment: ({ vector, values }) => {
        if (values.some((value, index) => value !== vector.values[index])) different += 1;
      },
    });
  }
  expect(different).toBeGreaterThan(0);
});

/** The windows of the current spec, in the form that a spec file uses. */
function named() {
  return Object.fromEntries(
    Object.entries(spec.windows).map(([name, { width, tile }]) => [
      name,
      { width: `${width / 60_000}m`, tile: `${tile / 60_000}m` },
    ]),
  );
}
