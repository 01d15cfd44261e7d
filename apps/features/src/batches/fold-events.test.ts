import fc from "fast-check";
import { BatchStates } from "../states/batch-states.js";
import { cardOf, delivered, label, labelRecord, payment, paymentRecord, START_MS } from "../testing/events.js";
import { engine } from "../testing/instance.js";
import { foldEvents, foldParts } from "./fold-events.js";
import { parseEvent } from "./parse-event.js";

const CONTEXT = { nowMs: START_MS, incomplete: false };

/** Payments and labels of few cards at few terminals, in any order, so that they interact. Ids may repeat. */
const events = fc.array(
  fc.record({
    id: fc.nat(40),
    card: fc.nat(3),
    terminal: fc.nat(3),
    atMs: fc.nat(5_000_000_000),
    isLabel: fc.boolean(),
  }),
  { maxLength: 40 },
);

function recordsOf(sample: typeof events extends fc.Arbitrary<infer Value> ? Value : never) {
  return sample.map(({ id, card, terminal, atMs, isLabel }, offset) => {
    const common = { clientTransactionId: `${id}`, cardToken: cardOf(card), terminalId: `t-${terminal}` };
    const record = isLabel
      ? labelRecord(label({ ...common, labelledAtMs: START_MS + atMs }))
      : paymentRecord(payment({ ...common, occurredAtMs: START_MS + atMs, amountMinor: id * 100 }));
    return parseEvent(engine, delivered(record, offset));
  });
}

test("a batch results in the same states and vectors as its events individually", () => {
  fc.assert(
    fc.property(events, (sample) => {
      const records = recordsOf(sample);
      const keys = records.flatMap((record) => record.stateKeys.filter((key) => key !== undefined));
      const stored = new Map<string, Uint8Array | null>(keys.map((key) => [key, null]));
      const together = foldEvents(engine, stored, records, CONTEXT);
      // In the same memory, as the rounds of a service.
      const states = new BatchStates(engine);
      const alone = records.flatMap((record) => {
        const { parts, changed } = foldParts(states, stored, [[record]], CONTEXT);
        for (const [key, bytes] of changed) stored.set(key, Uint8Array.from(bytes));
        return parts;
      });
      const hex = (bytes: Uint8Array | null) => Buffer.from(bytes ?? []).toString("hex");
      const changed = [...together.changed].map(([key, bytes]) => [key, hex(bytes)]).toSorted();
      expect(changed).toEqual(
        [...stored].flatMap(([key, bytes]) => (bytes === null ? [] : [[key, hex(bytes)]])).toSorted(),
      );
      expect(together.emissions).toEqual(alone.flatMap(({ emissions }) => emissions));
      expect(together.duplicates).toBe(alone.reduce((sum, { duplicates }) => sum + duplicates, 0));
      expect(together.tooLate).toBe(alone.reduce((sum, { tooLate }) => sum + tooLate, 0));
    }),
    { numRuns: 200 },
  );
});

test("does not rewrite unchanged states", () => {
  const [once, again] = recordsOf([
    { id: 1, card: 1, terminal: 1, atMs: 0, isLabel: false },
    { id: 1, card: 1, terminal: 2, atMs: 0, isLabel: false },
  ]);
  if (once === undefined || again === undefined) throw new Error("there are two");
  const stored = new Map([...once.stateKeys, ...again.stateKeys].flatMap((key) => (key ? [[key, null] as const] : [])));
  const { changed, duplicates } = foldEvents(engine, stored, [once, again], CONTEXT);
  expect(duplicates).toBe(1);
  expect([...changed.keys()].toSorted()).toEqual(once.stateKeys.filter((key) => key !== undefined).toSorted());
});
