import type { DisputeFigures, ReportedFigures, SettledFigures } from "./dispute-figures.js";
import { disputeLines, monthBefore } from "./dispute-lines.js";
import { disputePrograms, PROGRAMS_DEFAULT, programsOf } from "./dispute-programs.js";

const MONTH = "2026-11";
const settled = (change: Partial<SettledFigures>): SettledFigures => {
  const of = { merchantId: "m", month: MONTH, scheme: "visa", isRemote: true, currency: "EUR" };
  return { ...of, payments: 100_000, amountMinor: 1_000_000_000, ...change };
};
const reported = (change: Partial<ReportedFigures>): ReportedFigures => {
  const of = { merchantId: "m", scheme: "visa", isRemote: true, currency: "EUR", reasonCode: "10.4" };
  return { ...of, kind: "chargeback", reports: 1_500, amountMinor: 6_000_000, ...change };
};

function lineOf(scheme: string, figures: Partial<DisputeFigures>) {
  const complete = new Set([MONTH, "2026-10"]);
  const all = { merchants: ["m"], settled: [], reported: [], complete, ...figures };
  const line = disputeLines(MONTH, all, PROGRAMS_DEFAULT).find(
    (one) => one.merchantId === "m" && one.scheme === scheme,
  );
  if (line === undefined) throw new Error(`no line for ${scheme}`);
  return { ...line, states: Object.fromEntries(line.programs.map(({ level, state }) => [level, state])) };
}

test("the ratio covers one month, by count and by amount", () => {
  const line = lineOf("all", {
    settled: [settled({})],
    reported: [reported({}), reported({ kind: "tc40", reports: 7 })],
  });
  expect(line).toMatchObject({ settled: 100_000, chargebacks: 1_500, fraudNotices: 7, ratio: 0.015, programs: [] });
  const amounts = { currency: "EUR", settledMinor: 1_000_000_000, chargebackMinor: 6_000_000, ratio: 0.006 };
  expect(line.amounts).toEqual([amounts]);
});

test.each([
  ["no payment was settled", { settled: [] }],
  ["the month is incomplete", { complete: new Set<string>() }],
])("returns no ratio, rather than a ratio of 0, if there is not enough data: %s", (_title, change) => {
  const line = lineOf("visa", { settled: [settled({})], reported: [reported({})], ...change });
  expect(line).toMatchObject({ ratio: null, amounts: [{ ratio: null }], states: { excessive: "unknown" } });
});

test.each([
  [
    "a chargeback and a TC40 count separately",
    [reported({ reports: 750 }), reported({ kind: "tc40", reports: 750 })],
    "above",
  ],
  ["one report too few", [reported({ reports: 1_499 })], "below"],
  ["SAFE reports do not count", [reported({ kind: "safe" })], "below"],
  ["payments with the card present do not count", [reported({ isRemote: false })], "below"],
])("computes the VAMP ratio: %s", (_title, reports, state) => {
  expect(lineOf("visa", { settled: [settled({})], reported: reports }).states).toEqual({ excessive: state });
});

test.each([
  [
    "the month before, which had too many payments",
    settled({ scheme: "mastercard", month: "2026-10", payments: 10_001 }),
    "below",
  ],
  ["the month before", settled({ scheme: "mastercard", month: "2026-10", payments: 10_000 }), "above"],
  ["not the same month", settled({ scheme: "mastercard", payments: 10_000 }), "unknown"],
])("ECP divides by the payments of %s", (_title, payments, state) => {
  const reports = [reported({ scheme: "mastercard", reports: 150 })];
  expect(lineOf("mastercard", { settled: [payments], reported: reports }).states.excessive).toBe(state);
});

test.each([
  ["EUR", 5_000_000, "4837", "above"],
  ["EUR", 4_999_999, "4837", "below"],
  ["CHF", 9_000_000, "4837", "below"],
  ["EUR", 5_000_000, "4853", "below"],
])("counts for EFM: %s %d with reason code %s is %s", (currency, amountMinor, reasonCode, state) => {
  const before = settled({ scheme: "mastercard", month: "2026-10", payments: 2_000 });
  const reports = [reported({ scheme: "mastercard", reports: 10, currency, amountMinor, reasonCode })];
  const { states } = lineOf("mastercard", { settled: [before], reported: reports });
  expect(states["excessive fraud"]).toBe(state);
});

test("programmes apply to merchants, and to a tenant whose payments have no merchant IDs", () => {
  const [ofAll, ofNone] = [settled({ merchantId: null }), settled({ merchantId: "" })];
  const lines = (merchants: readonly string[]) =>
    disputeLines(
      MONTH,
      { merchants, settled: [ofAll, ofNone], reported: [], complete: new Set([MONTH]) },
      PROGRAMS_DEFAULT,
    );
  expect(lines([""]).map(({ merchantId, scheme, programs }) => [merchantId, scheme, programs.length])).toEqual([
    [null, "all", 0],
    [null, "visa", 1],
  ]);
  // No merchant is shown, because none has the wanted ID.
  expect(lines([]).map(({ merchantId, programs }) => [merchantId, programs.length])).toEqual([
    [null, 0],
    [null, 0],
  ]);
  expect(lines(["m", ""]).map(({ merchantId, programs }) => [merchantId, programs.length])).toEqual([
    [null, 0],
    [null, 0],
    ["m", 0],
    ["", 0],
    ["", 1],
  ]);
});

test("a new threshold replaces the previous one from its first day", () => {
  const vampOf = (month: string) =>
    programsOf(PROGRAMS_DEFAULT, month).flatMap((one) => (one.program === "VAMP" ? [one.ratio_bps_min] : []));
  expect([vampOf("2025-05"), vampOf("2026-03"), vampOf("2026-04")]).toEqual([[], [220], [150]]);
  expect(monthBefore("2026-01")).toBe("2025-12");
});

test("the setting replaces the thresholds, and an invalid setting is rejected with the name of the field", () => {
  const [first] = PROGRAMS_DEFAULT;
  expect(disputePrograms.parse(JSON.stringify([first]))).toEqual([first]);
  expect(disputePrograms.parse("")).toBe(PROGRAMS_DEFAULT);
  expect(() => disputePrograms.parse(JSON.stringify([{ ...first, ratio_bps_min: 0 }]))).toThrow("0.ratio_bps_min");
  expect(() => disputePrograms.parse("{")).toThrow("must be a JSON list");
});
