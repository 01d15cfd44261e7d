import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import fc from "fast-check";
import type { BacktestRow } from "./backtest-row.js";
import type { DraftPart } from "./backtest-tally.js";
import { BacktestTally } from "./backtest-tally.js";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 2, 1);
const MATURE_MS = START_MS + 5 * DAY_MS;
const LIVE = { mode: "live", percent: 100 } as const;
const PARTS: readonly DraftPart[] = [
  { id: "far", kind: "rule", outcome: Outcome.CHALLENGE, code: "FAR", ...LIVE },
  { id: "huge", kind: "rule", outcome: Outcome.DECLINE, code: "HUGE", ...LIVE },
  { id: "new", kind: "rule", outcome: Outcome.APPROVE, code: "NEW", ...LIVE },
  { id: "score>=0.5", kind: "band", outcome: Outcome.DECLINE, code: "HIGH", ...LIVE },
];
const LABELS = { matureBeforeMs: MATURE_MS, isUnlabelledGenuine: false };

const payment = fc.record({
  card: fc.nat(12),
  amountMinor: fc.integer({ min: 1, max: 500_000 }),
  currency: fc.constantFrom("EUR", "JPY"),
  occurredAtMs: fc.integer({ min: START_MS, max: START_MS + 8 * DAY_MS - 1 }),
  isFraud: fc.constantFrom(true, false, undefined),
  decided: fc.constantFrom(Outcome.APPROVE, Outcome.CHALLENGE, Outcome.REVIEW, Outcome.DECLINE),
  hits: fc.subarray(PARTS.map(({ id }) => id)),
  inShadow: fc.subarray(["far", "huge"]),
});

const rowsOf = fc.array(payment, { minLength: 1, maxLength: 120 }).map((payments) =>
  payments.map(({ card, inShadow, ...one }, index): BacktestRow => {
    const shadowHits = one.hits.filter((id) => inShadow.includes(id));
    return {
      ...one,
      transactionId: `txn_${index}`,
      cardToken: `ct_${card}`,
      segments: [one.currency, "band", "hour", `t-${card % 3}`, "demo"],
      drafted: outcomeOf(one.hits.filter((id) => !shadowHits.includes(id))),
      shadowHits,
      sentences: [],
      failure: "",
      rulesSkipped: [],
    };
  }),
);

function outcomeOf(ids: readonly string[]): Outcome {
  return Math.max(Outcome.APPROVE, ...PARTS.filter(({ id }) => ids.includes(id)).map(({ outcome }) => outcome));
}

function figuresOf(rows: readonly BacktestRow[], labels = LABELS) {
  const tally = new BacktestTally(PARTS, labels);
  for (const row of rows) tally.add(row);
  return tally.figures();
}

test("every figure equals a direct count", () => {
  fc.assert(
    fc.property(rowsOf, (rows) => {
      const found = figuresOf(rows);
      const mature = rows.filter(({ occurredAtMs }) => occurredAtMs < MATURE_MS);
      const frauds = mature.filter(({ isFraud }) => isFraud === true);
      const genuine = mature.filter(({ isFraud }) => isFraud === false);
      expect(found).toMatchObject({ rows: rows.length, frauds: frauds.length, genuine: genuine.length });
      expect(found.young).toBe(rows.length - mature.length);
      expect(found.unlabelled).toBe(mature.length - frauds.length - genuine.length);
      for (const part of found.parts) {
        const isHit = ({ hits }: BacktestRow) => hits.includes(part.id);
        const [caught, stopped] = [frauds.filter(isHit), genuine.filter(isHit)];
        expect(part.hits).toBe(rows.filter(isHit).length);
        expect(part.unknown).toBe(part.hits - caught.length - stopped.length);
        const known = caught.length + stopped.length;
        if (known === 0) expect(part.precision).toBeUndefined();
        else expect(part.precision?.value).toBeCloseTo(caught.length / known, 12);
        if (frauds.length === 0) expect(part.recall).toBeUndefined();
        else expect(part.recall?.value).toBeCloseTo(caught.length / frauds.length, 12);
        expect(part.cards).toBe(new Set(rows.filter(isHit).map(({ cardToken }) => cardToken)).size);
        const euros = (of: readonly BacktestRow[]) =>
          of.filter(({ currency }) => currency === "EUR").reduce((sum, { amountMinor }) => sum + amountMinor, 0);
        const money = part.money.find(({ currency }) => currency === "EUR");
        expect(money?.caught.value ?? 0).toBe(euros(caught));
        expect(money?.falsePositives.value ?? 0).toBe(euros(stopped));
        expect(part.daily.reduce((sum, count) => sum + count, 0)).toBe(part.hits);
        for (const { id, rows: shared, jaccard } of part.overlaps) {
          const [both, either] = [
            rows.filter((row) => isHit(row) && row.hits.includes(id)).length,
            rows.filter((row) => isHit(row) || row.hits.includes(id)).length,
          ];
          expect(shared).toBe(both);
          expect(jaccard).toBeCloseTo(both / either, 12);
        }
        const segments = part.segments.filter(({ segment }) => segment === "currency");
        expect(segments.reduce((sum, { hits }) => sum + hits, 0)).toBe(part.hits);
      }
      expect(found.draft.declined.hits).toBe(rows.filter(({ drafted }) => drafted === Outcome.DECLINE).length);
      const changed = Object.values(found.changes).reduce((sum, change) => sum + change.rows, 0);
      expect(changed).toBe(rows.filter(({ decided, drafted }) => decided !== drafted).length);
      const declines = (outcome: Outcome) => outcome === Outcome.DECLINE;
      const moved = rows.filter(({ decided, drafted }) => declines(decided) !== declines(drafted));
      expect(found.movedDeclines).toBe(moved.length);
    }),
  );
});

test("the order of the payments does not matter", () => {
  fc.assert(
    fc.property(rowsOf, (rows) => {
      const [there, back] = [figuresOf(rows), figuresOf(rows.toReversed())];
      expect(back.parts.map(({ money }) => money)).toEqual(there.parts.map(({ money }) => money));
      expect(back.draft.counterexamples).toEqual(there.draft.counterexamples);
    }),
    { numRuns: 30 },
  );
});

test("removing a part changes as many outcomes as it alone decides", () => {
  fc.assert(
    fc.property(rowsOf, (rows) => {
      for (const part of figuresOf(rows).parts) {
        const without = rows.filter(({ hits, shadowHits, drafted }) => {
          return outcomeOf(hits.filter((id) => id !== part.id && !shadowHits.includes(id))) !== drafted;
        });
        expect(part.alone).toBe(without.length);
      }
    }),
  );
});

test("lists at most ten counterexamples: genuine payments that are hit and frauds that are approved", () => {
  fc.assert(
    fc.property(rowsOf, (rows) => {
      const byId = new Map(rows.map((row) => [row.transactionId, row]));
      const found = figuresOf(rows);
      for (const { id, counterexamples } of [{ id: undefined, ...found.draft }, ...found.parts]) {
        expect(counterexamples.length).toBeLessThanOrEqual(10);
        for (const { kind, transactionId } of counterexamples) {
          const row = byId.get(transactionId);
          const isHit = id === undefined ? (row?.drafted ?? 0) > Outcome.APPROVE : row?.hits.includes(id);
          expect(row?.occurredAtMs).toBeLessThan(MATURE_MS);
          expect([row?.isFraud, isHit]).toEqual(kind === "false-positive" ? [false, true] : [true, false]);
          if (kind === "missed") expect(row?.drafted).toBe(Outcome.APPROVE);
        }
      }
    }),
  );
});

test("counts an old, approved payment without a label as genuine only if labels arrive just for frauds", () => {
  const row = (change: Partial<BacktestRow>): BacktestRow => ({
    transactionId: "t",
    cardToken: "c",
    amountMinor: 100,
    currency: "EUR",
    occurredAtMs: START_MS,
    segments: [],
    isFraud: undefined,
    decided: 1,
    drafted: 4,
    hits: ["huge"],
    shadowHits: [],
    sentences: [],
    failure: "",
    rulesSkipped: [],
    ...change,
  });
  const rows = [
    row({}),
    row({ isFraud: true }),
    row({ occurredAtMs: MATURE_MS }),
    row({ occurredAtMs: MATURE_MS, isFraud: true }),
  ];
  const [both, frauds] = [false, true].map((isUnlabelledGenuine) =>
    figuresOf(rows, { ...LABELS, isUnlabelledGenuine }),
  );
  const declined = figuresOf([row({ decided: Outcome.DECLINE })], { ...LABELS, isUnlabelledGenuine: true });
  expect(declined).toMatchObject({ genuine: 0, unlabelled: 1 });
  expect(both).toMatchObject({ frauds: 1, genuine: 0, unlabelled: 1, young: 2, youngFrauds: 1 });
  expect(both?.draft.declined.precision?.value).toBe(1);
  expect(frauds).toMatchObject({ frauds: 1, genuine: 1, unlabelled: 0, young: 2 });
  expect(frauds?.draft.declined).toMatchObject({ unknown: 2, precision: { value: 0.5 } });
});
