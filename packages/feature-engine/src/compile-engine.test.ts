import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import type { OracleEvent, OracleResult } from "./brute-force.js";
import { bruteForce } from "./brute-force.js";
import type { FeatureEngine, PaymentEvent } from "./compile-engine.js";
import { compileEngine } from "./compile-engine.js";
import type { EntityState } from "./entity-state.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A Thursday; the day after is 29 February. */
const START_MS = Date.UTC(2024, 1, 28, 22);

const spec = currentFeatureSpec();

/** Two windows on one tile width, every kind on both entities, and defaults that cannot be mistaken for values. */
const wideSpec = parseFeatureSpec(
  JSON.stringify({
    version: 7,
    windows: {
      "2h": { width: "2h", tile: "1h" },
      "1d": { width: "1d", tile: "1h" },
      "3d": { width: "3d", tile: "12h" },
    },
    entities: { card: { key: "card_token" }, terminal: { key: "terminal_id" } },
    features: ["card", "terminal"].flatMap((entity) => [
      { name: `${entity}_last`, kind: "seconds_since_last", entity, default: -5, sentence: "x" },
      ...["2h", "1d", "3d"].flatMap((window) =>
        ["count", "sum", "mean", "max", "ratio_to_mean", "label_count", "fraud_count", "fraud_rate"].map((kind) => ({
          name: `${entity}_${kind}_${window}`,
          entity,
          kind,
          window,
          default: -7,
          sentence: "x",
        })),
      ),
    ]),
  }),
);

/** Runs the engine over events in order of arrival; `store` decides when a state goes through its bytes. */
function runEngine(engine: FeatureEngine, events: readonly OracleEvent[], store: (index: number) => boolean) {
  const states = new Map<string, EntityState>();
  const stateOf = (entity: "card" | "terminal", id: string, index: number): EntityState => {
    const key = `${entity}:${id}`;
    let state = states.get(key) ?? engine.decodeState(entity, null);
    if (store(index)) state = engine.decodeState(entity, engine.encodeState(entity, state));
    states.set(key, state);
    return state;
  };
  return events.map((event, index): OracleResult => {
    const card = stateOf("card", event.card, index);
    const terminal = stateOf("terminal", event.terminal, index);
    if (event.kind === "payment") {
      const { amountMinor, currency, id: transactionId, atMs: occurredAtMs } = event;
      const result = engine.applyPayment(card, terminal, { transactionId, amountMinor, currency, occurredAtMs });
      return result.duplicate ? "duplicate" : { values: result.values, tooLate: result.tooLate };
    }
    const label = { labelId: event.id, labelledAtMs: event.atMs, fraud: event.fraud };
    const result = engine.applyLabel(card, terminal, label);
    return result.duplicate ? "duplicate" : { values: undefined, tooLate: result.tooLate };
  });
}

/** Mostly forward in time, now and then back by up to 40 days, often standing still; ids repeat. */
const streams = fc
  .array(
    fc.record({
      kind: fc.constantFrom("payment" as const, "payment" as const, "label" as const),
      number: fc.integer({ min: 0, max: 60 }),
      card: fc.constantFrom("c1", "c2"),
      terminal: fc.constantFrom("t1", "t2", "t3"),
      stepMs: fc.oneof(
        fc.constant(0),
        fc.integer({ min: 0, max: 3 * HOUR_MS }),
        fc.integer({ min: 0, max: 6 * DAY_MS }),
        fc.integer({ min: -40 * DAY_MS, max: 0 }),
      ),
      amountMinor: fc.integer({ min: 0, max: 1_000_000 }),
      currency: fc.constantFrom("EUR", "JPY", "KWD"),
      fraud: fc.boolean(),
    }),
    { maxLength: 80 },
  )
  .map((steps) => {
    let newestMs = START_MS;
    return steps.map(({ number, stepMs, ...event }): OracleEvent => {
      const atMs = newestMs + stepMs;
      newestMs = Math.max(newestMs, atMs);
      return { ...event, id: `${event.kind}-${number}`, atMs };
    });
  });

describe.each([
  ["the current spec", spec],
  ["a spec with shared tiles and every kind", wideSpec],
] satisfies [string, FeatureSpec][])("with %s", (_name, oneSpec) => {
  const engine = compileEngine(oneSpec);

  test("equals brute force over all events, kept in memory or stored after any event", () => {
    fc.assert(
      fc.property(streams, fc.array(fc.boolean(), { minLength: 1 }), (events, store) => {
        const results = runEngine(engine, events, (index) => store[index % store.length] ?? false);
        expect(results).toEqual(bruteForce(oneSpec, events));
        for (const result of results) {
          if (result !== "duplicate") expect(result.values?.every(Number.isFinite) ?? true).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a state never holds more tiles than its windows cover", () => {
    let longest = 0;
    const card = engine.decodeState("card", null);
    const terminal = engine.decodeState("terminal", null);
    for (let index = 0; index < 5_000; index += 1) {
      const occurredAtMs = START_MS + index * 20 * 60_000;
      engine.applyPayment(card, terminal, {
        transactionId: `p${index}`,
        amountMinor: 999,
        currency: "EUR",
        occurredAtMs,
      });
      engine.applyLabel(card, terminal, { labelId: `l${index}`, labelledAtMs: occurredAtMs, fraud: true });
      if (index % 100 === 0) longest = Math.max(longest, engine.encodeState("card", card).length);
    }
    const tiles = [...card.payments.rings, ...card.labels.rings].reduce((sum, ring) => sum + ring.tiles.length / 4, 0);
    expect(tiles).toBeLessThanOrEqual(25 * 2 + 29 * 2 + 31 * 2);
    expect(longest).toBeLessThan(2_500);
  });
});

describe("one payment at a time", () => {
  const engine = compileEngine(spec);
  const pay = (atMs: number, amountMinor: number, over: Partial<PaymentEvent> = {}): PaymentEvent => ({
    transactionId: `txn-${atMs}-${amountMinor}`,
    amountMinor,
    currency: "EUR",
    occurredAtMs: atMs,
    ...over,
  });
  const fresh = () => ({ card: engine.decodeState("card", null), terminal: engine.decodeState("terminal", null) });
  const apply = ({ card, terminal }: ReturnType<typeof fresh>, payment: PaymentEvent): Record<string, number> => {
    const result = engine.applyPayment(card, terminal, payment);
    if (result.duplicate) throw new Error("a duplicate");
    return Object.fromEntries(
      spec.features.map((feature, index) => [feature.name, result.values[index] ?? Number.NaN]),
    );
  };

  test("a first payment has defaults for its past and counts itself", () => {
    expect(apply(fresh(), pay(START_MS, 5716))).toMatchObject({
      amount: 57.16,
      hour_of_day: 22,
      is_weekend: 0,
      is_night: 0,
      card_count_1d: 1,
      card_sum_1d: 57.16,
      card_mean_30d: 57.16,
      card_max_7d: 57.16,
      card_ratio_30d: 1,
      card_seconds_since_last: 2_592_000,
      terminal_fraud_rate_7d: 0,
    });
  });

  test("the past is exact at its new end, and at its old end up to one tile longer than the window", () => {
    const states = fresh();
    const start = Date.UTC(2024, 1, 28, 0, 30);
    apply(states, pay(start, 1000));
    // The tile of 0:00 to 1:00 is still covered at 0:59:59.999 of the next day, and no longer at 1:00.
    expect(apply(states, pay(start + DAY_MS + 29 * 60_000 + 59_999, 3000))).toMatchObject({ card_count_1d: 2 });
    expect(apply(states, pay(start + DAY_MS + 30 * 60_000, 3000))).toMatchObject({
      card_count_1d: 2,
      card_count_7d: 3,
      card_ratio_30d: 1.5,
      card_seconds_since_last: 0.001,
    });
  });

  test.each([
    ["Saturday 6:59", Date.UTC(2024, 2, 2, 6, 59), { is_weekend: 1, is_night: 1, hour_of_day: 6 }],
    ["Sunday 7:00", Date.UTC(2024, 2, 3, 7), { is_weekend: 1, is_night: 0, hour_of_day: 7 }],
    ["Thursday 29 February 0:00", Date.UTC(2024, 1, 29), { is_weekend: 0, is_night: 1, hour_of_day: 0 }],
    ["Monday 23:59", Date.UTC(2024, 2, 4, 23, 59), { is_weekend: 0, is_night: 0, hour_of_day: 23 }],
  ])("calendar features at %s UTC", (_name, atMs, expected) => {
    expect(apply(fresh(), pay(atMs, 100))).toMatchObject(expected);
  });

  test("labels move risk when they become known, not when the payment took place", () => {
    const states = fresh();
    apply(states, pay(START_MS, 1000));
    expect(apply(states, pay(START_MS + DAY_MS, 1000))).toMatchObject({ terminal_fraud_count_7d: 0 });
    const labelledAtMs = START_MS + 7 * DAY_MS;
    engine.applyLabel(states.card, states.terminal, { labelId: "a", labelledAtMs, fraud: true });
    engine.applyLabel(states.card, states.terminal, { labelId: "b", labelledAtMs, fraud: false });
    expect(apply(states, pay(labelledAtMs, 1000))).toMatchObject({
      terminal_fraud_rate_1d: 0.5,
      terminal_fraud_count_7d: 1,
      card_fraud_count_7d: 1,
    });
  });

  test("the same payment or label again changes nothing", () => {
    const { card, terminal } = fresh();
    const payment = pay(START_MS, 1000);
    const label = { labelId: "a", labelledAtMs: START_MS, fraud: true };
    engine.applyPayment(card, terminal, payment);
    engine.applyLabel(card, terminal, label);
    const before = [engine.encodeState("card", card), engine.encodeState("terminal", terminal)];
    expect(engine.applyPayment(card, terminal, payment)).toEqual({ duplicate: true });
    expect(engine.applyLabel(card, terminal, label)).toEqual({ duplicate: true });
    expect([engine.encodeState("card", card), engine.encodeState("terminal", terminal)]).toEqual(before);
    expect(card.sequence).toBe(2);
  });

  test("a payment older than all windows is flagged and not counted, and one in an old tile is counted there", () => {
    const states = fresh();
    apply(states, pay(START_MS + 40 * DAY_MS, 1000));
    const late = engine.applyPayment(states.card, states.terminal, pay(START_MS, 5000));
    expect(late).toMatchObject({ duplicate: false, tooLate: true });
    const old = engine.applyPayment(states.card, states.terminal, pay(START_MS + 20 * DAY_MS, 7000));
    expect(old).toMatchObject({ duplicate: false, tooLate: false });
    expect(apply(states, pay(START_MS + 40 * DAY_MS + 1, 1000))).toMatchObject({
      card_count_30d: 3,
      card_count_7d: 2,
      card_max_30d: 70,
    });
  });

  test("a last payment before the longest window counts as none", () => {
    const states = fresh();
    apply(states, pay(START_MS, 1000));
    const after = apply(states, pay(START_MS + 30 * DAY_MS + 1, 1000));
    expect(after).toMatchObject({ card_seconds_since_last: 2_592_000 });
  });

  test.each([
    ["a negative amount", { amountMinor: -1 }, "/amount_minor"],
    ["an amount with a fraction", { amountMinor: 0.5 }, "/amount_minor"],
    ["an amount too large to sum exactly", { amountMinor: 2 ** 50 }, "/amount_minor"],
    ["no time", { occurredAtMs: Number.NaN }, "/occurred_at_ms"],
    ["a time before the epoch", { occurredAtMs: -1 }, "/occurred_at_ms"],
  ])("%s is refused and changes nothing", (_name, over, pointer) => {
    const { card, terminal } = fresh();
    const attempt = () => engine.applyPayment(card, terminal, pay(START_MS, 100, over));
    expect(attempt).toThrow(TriplineError);
    expect(attempt).toThrow(
      expect.objectContaining({ code: "invalid-field", fields: [expect.objectContaining({ pointer })] }),
    );
    expect(card.sequence).toBe(0);
  });
});
