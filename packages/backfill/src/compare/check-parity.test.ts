import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { transactionId } from "@tripline/contracts/identifiers";
import type { EntityStates, PaymentEvent, PaymentResult } from "@tripline/feature-engine/apply/compile-engine";
import { compileEngine, FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import { FoldInOrder } from "@tripline/feature-engine/apply/fold-in-order";
import { OnlineCounter } from "@tripline/feature-engine/testing/counter";
import { specOf } from "@tripline/feature-engine/testing/specs";
import type { RefoldOptions } from "./check-parity.js";
import { printParity, refold } from "./check-parity.js";

const spec = currentFeatureSpec();
const engine = compileEngine(spec);
const HOUR_MS = 3_600_000;
const EVENTS = 600;
/** One in this many events is backdated by 30 hours, so that it precedes earlier events of its card. */
const STRAY_EVERY = 50;
const BROKEN_ID = transactionId("demo", "300");
const BROKEN = spec.features.findIndex(({ name }) => name === "card_sum_1d");

/** The records that features emits for payments and labels of a few cards and terminals. */
function emit(isOrdered = true, of = engine): CountedEvent[] {
  const online = new OnlineCounter(of);
  for (let id = 0; id < EVENTS; id += 1) {
    const backMs = !isOrdered && id % STRAY_EVERY === STRAY_EVERY - 1 ? 30 * HOUR_MS : 0;
    online.nowMs = id;
    online.count({
      id,
      label: id % 3 === 2,
      update: of !== engine && id % 6 === 4,
      card: id % 5,
      terminal: id % 7,
      device: id % 4 === 0 ? undefined : id % 2,
      atMs: Date.UTC(2025, 2, 3) + id * 2 * HOUR_MS - backMs,
      amountMinor: 1_000 + ((id * 7_919) % 50_000),
    });
  }
  return online.emitted;
}

const check = (emitted: readonly CountedEvent[], options: Partial<RefoldOptions> = {}) =>
  refold([emitted], { engine, ...options });

test("recomputed values equal the emitted ones", async () => {
  const report = await check(emit());
  expect(report).toMatchObject({ rows: EVENTS * (2 / 3), mismatches: 0, stuck: 0 });
  expect(printParity(report)).toBe(
    `parity: emitted=400 replayed=400 profiled=0 features=${spec.features.length} mismatches=0 stuck=0 skipped=0 repeated=0 strayed=0 stray_ms_max=0`,
  );
});

test("features of payment updates are folded again from the updates that were counted", async () => {
  const window = { window: "3d", entity: "card" };
  const updates = compileEngine(
    specOf({ "3d": { width: "3d", tile: "6h" } }, [
      { ...window, kind: "update_count" },
      { ...window, kind: "declined_share" },
    ]),
  );
  const emitted = emit(true, updates);
  const report = await check(emitted, { engine: updates });
  expect(report).toMatchObject({ rows: 300, mismatches: 0, stuck: 0 });
  const without = await check(
    emitted.filter(({ kind }) => kind !== "update"),
    { engine: updates },
  );
  expect(without.stuck).toBeGreaterThan(0);
});

test("out-of-order payments are counted and compared", async () => {
  const report = await check(emit(false));
  expect(report).toMatchObject({ rows: 400, mismatches: 0, stuck: 0 });
  expect(report.strayed).toBeGreaterThan(5);
});

test("the engine continues from the states of a snapshot", async () => {
  const emitted = emit();
  const folding = new FoldInOrder({ engine, onPayment: () => {} });
  for (const event of emitted.slice(0, EVENTS / 2)) folding.add(event);
  const states = new Map<string, Uint8Array>();
  for (const { key, entity, state } of folding.states()) states.set(key, engine.encodeState(entity, state));
  const report = await check(emitted.slice(EVENTS / 2), { stateBefore: (key) => states.get(key) ?? null });
  expect(report).toMatchObject({ rows: 200, mismatches: 0, stuck: 0 });
});

/** The engine with one wrong value. */
class WrongEngine extends FeatureEngine {
  override applyPayment(states: EntityStates, payment: PaymentEvent): PaymentResult {
    const result = super.applyPayment(states, payment);
    if (!result.duplicate && payment.transactionId === BROKEN_ID) result.values[BROKEN] = 1;
    return result;
  }
}

function spoil(events: readonly CountedEvent[]): CountedEvent[] {
  return events.map((event) => {
    if (event.kind !== "payment" || event.vector.transaction?.transactionId !== BROKEN_ID) return event;
    return { kind: "payment", vector: { ...event.vector, values: event.vector.values.with(BROKEN, 1) } };
  });
}

describe("finds a single wrong value", () => {
  const right = emit()[300];
  const value = right?.kind === "payment" ? right.vector.values[BROKEN] : undefined;
  const found = { transactionId: BROKEN_ID, feature: "card_sum_1d" };

  test.each([
    ["in the emitted values", spoil(emit()), {}, { emitted: 1, replayed: value }],
    ["in the recomputed values", emit(), { engine: new WrongEngine(spec) }, { emitted: value, replayed: 1 }],
  ])("finds a wrong value %s", async (_where, events, options, values) => {
    const report = await check(events, options);
    expect(report.mismatches).toBe(1);
    expect(report.examples).toEqual([{ ...found, ...values }]);
  });
});
