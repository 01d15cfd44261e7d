import type { ArrivalFigures } from "./drive-arrivals.js";
import { findMaximum } from "./find-maximum.js";

/** A system that answers `capacity` requests per second immediately, and the rest late. */
function answering(capacity: number, ratePerSecond: number, change: Partial<ArrivalFigures> = {}): ArrivalFigures {
  const isOver = ratePerSecond > capacity;
  return {
    sent: 100,
    decided: 100,
    degraded: 0,
    pending: 0,
    refused: 0,
    failed: 0,
    fault: undefined,
    latenciesMs: Array.from({ length: 100 }, () => (isOver ? 900 : 10)),
    answeredAtMs: [],
    wallMs: 100_000 / capacity,
    lateMsP99: 0,
    pendingIds: [],
    ...change,
  };
}

test("finds the highest rate at which responses are in time", async () => {
  const rates: number[] = [];
  const { ratePerSecond } = await findMaximum({
    run: async (rate) => {
      rates.push(rate);
      // A closed loop reaches 1,000 per second; in an open model, responses are in time up to 870.
      return rate === 0 ? answering(1_000, 0) : answering(870, rate);
    },
    log: () => {},
    isShort: false,
  });
  expect(ratePerSecond).toBe(850);
  expect(rates).toEqual([0, 1_050, 1_000, 950, 900, 850]);
});

test.each<[string, Partial<ArrivalFigures>]>([
  ["pending", { decided: 99, pending: 1 }],
  ["refused", { decided: 99, refused: 1 }],
  ["failed", { decided: 99, failed: 1 }],
  ["degraded", { decided: 98, degraded: 2 }],
])("does not accept a rate at which payments are %s", async (_name, change) => {
  const { notes } = await findMaximum({
    run: async (rate) => answering(1_000, 0, rate === 0 ? {} : change),
    log: () => {},
    isShort: false,
  });
  expect(notes).toContain("None of the rates tried was sustained.");
});
