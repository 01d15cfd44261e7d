import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "../apply/compile-engine.js";
import { TILE_STRIDE } from "../state/tile-ring.js";
import { DAY_MS, HOUR_MS, named } from "./states.js";
import { windowBefore } from "./windows.js";

/*
 * A program for count-event.test.ts: a million payments of one card at one terminal, one every three seconds. It prints
 * the last payment's values, the expected values and the size of the states, as one line of JSON. It runs in a separate
 * process, because inside Jest, which looks up every global through its sandbox, it would take ten times as long.
 */
const PAYMENTS = 1_000_000;
const engine = compileEngine(currentFeatureSpec());
const columns = { atMs: new Float64Array(PAYMENTS), thousandths: new Float64Array(PAYMENTS) };
const states = [engine.decodeState(0, null), engine.decodeState(1, null)];
let values: number[] = [];
for (let index = 0; index < PAYMENTS; index += 1) {
  const occurredAtMs = Date.UTC(2024, 1, 1) + index * 3_000;
  const amountMinor = (index * 7_919) % 100_003;
  columns.atMs[index] = occurredAtMs;
  columns.thousandths[index] = amountMinor * 10;
  const transactionId = `p${index}`;
  const payment = { transactionId, cardToken: "c", terminalId: "t", amountMinor, currency: "EUR", occurredAtMs };
  const result = engine.applyPayment(states, payment);
  if (!result.duplicate) ({ values } = result);
}
const last = PAYMENTS - 1;
const own = columns.thousandths[last] ?? 0;
const week = windowBefore(columns, last, 7 * DAY_MS, 6 * HOUR_MS);
const month = windowBefore(columns, last, 30 * DAY_MS, DAY_MS);
const output = {
  values: named(engine, values),
  expected: {
    card_count_30d: month.count + 1,
    card_sum_7d: (week.sum + own) / 1000,
    card_terminal_count: PAYMENTS,
    card_seconds_since_last: 3,
    terminal_count_7d: week.count + 1,
    terminal_mean_30d: (month.sum + own) / 1000 / (month.count + 1),
  },
  deviation: month.deviation / 1000,
  states: states.map((state, place) => ({
    sequence: state.sequence,
    bytes: engine.encodeState(place, state).length,
    tiles: state.payments.rings.map((ring) => ring.used / TILE_STRIDE),
  })),
};
process.stdout.write(`${JSON.stringify(output)}\n`);

/** The output of the program. */
export type MillionOutput = typeof output;
