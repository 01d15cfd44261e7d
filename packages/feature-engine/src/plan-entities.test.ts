import type { EntityPlan } from "./plan-entities.js";
import { judgeOf, longestWindowMs, planEntities } from "./plan-entities.js";
import type { FeatureDraft } from "./testing/specs.js";
import { specOf } from "./testing/specs.js";
import { DAY_MS, HOUR_MS } from "./testing/states.js";

const WINDOWS = {
  "2h": { width: "2h", tile: "1h" },
  "1d": { width: "1d", tile: "1h" },
  "2d": { width: "2d", tile: "1d" },
  unused: { width: "90d", tile: "1d" },
};

function cardPlanOf(drafts: readonly FeatureDraft[], windows: typeof WINDOWS = WINDOWS) {
  const [plan] = planEntities(specOf(windows, drafts));
  if (plan === undefined) throw new Error("the spec has no entity");
  return plan;
}

const over = (kind: string, window: string): FeatureDraft => ({ kind, window, entity: "card" });
const judgeOfOne = (plan: EntityPlan): number => judgeOf([plan]);
const NOTHING = { sum: false, max: false, squares: false };

test.each([
  ["count", NOTHING],
  ["sum", { sum: true }],
  ["mean", { sum: true }],
  ["ratio_to_mean", { sum: true }],
  ["max", { max: true }],
  ["std", { sum: true, squares: true }],
  ["z_score", { sum: true, squares: true }],
])("%s keeps only the payment values that it needs", (kind, kept) => {
  const { payments, labels } = cardPlanOf([over(kind, "1d")]);
  expect(payments.rings).toEqual([{ tileMs: HOUR_MS, tilesBack: 24, ...NOTHING, ...kept }]);
  expect(labels.rings).toEqual([]);
});

test.each([
  ["label_count", false],
  ["fraud_count", true],
  ["fraud_rate", true],
])("%s keeps only the label values that it needs", (kind, sum) => {
  const { payments, labels } = cardPlanOf([over(kind, "1d")]);
  expect(labels.rings).toEqual([{ tileMs: HOUR_MS, tilesBack: 24, ...NOTHING, sum }]);
  expect(payments.rings).toEqual([]);
});

test("fraud_risk keeps the number of labels and of frauds", () => {
  const { labels } = cardPlanOf([{ ...over("fraud_risk", "2d"), prior: 0.5, weight: 1 }]);
  expect(labels.rings).toEqual([{ tileMs: DAY_MS, tilesBack: 2, ...NOTHING, sum: true }]);
});

test("windows with the same tile width share a ring with the widest range and all required values", () => {
  const { payments } = cardPlanOf([over("max", "2h"), over("count", "1d"), over("sum", "2d"), over("mean", "2h")]);
  expect(payments.rings).toEqual([
    { tileMs: HOUR_MS, tilesBack: 24, sum: true, max: true, squares: false },
    { tileMs: DAY_MS, tilesBack: 2, sum: true, max: false, squares: false },
  ]);
  expect([...payments.windowIndex]).toEqual([
    ["2h", 0],
    ["1d", 1],
    ["2d", 2],
  ]);
  expect(payments.windows).toEqual([
    { ring: 0, tilesBack: 2 },
    { ring: 0, tilesBack: 24 },
    { ring: 1, tilesBack: 2 },
  ]);
});

test("keeps partners, home and first fraud only for entities that need them", () => {
  const drafts = [
    { kind: "distinct", entity: "terminal", of: "card", window: "1d" },
    { kind: "distinct", entity: "terminal", of: "card", window: "2d" },
    { kind: "pair_count", entity: "card", of: "terminal" },
    { kind: "distance_from_home", entity: "device" },
    { kind: "days_since_first_fraud", entity: "terminal" },
  ];
  const plans = planEntities(specOf(WINDOWS, drafts));
  expect(plans.map(({ home, firstFraud, recentIds }) => [home, firstFraud, recentIds])).toEqual([
    [false, false, true],
    [false, true, false],
    [true, false, false],
    [false, false, false],
  ]);
  expect(plans.map(({ partners }) => partners && [partners.entity, partners.widthsMs])).toEqual([
    [1, []],
    [0, [DAY_MS, 2 * DAY_MS]],
    undefined,
    undefined,
  ]);
  expect(plans.map(({ name, key, optional }) => [name, key, optional])).toEqual([
    ["card", "card_token", false],
    ["terminal", "terminal_id", true],
    ["device", "device_token", true],
    ["ip", "ip_token", true],
  ]);
});

test("keeps usual amounts and fraud runs only for entities that need them, and for the one that explains frauds", () => {
  const usual = [over("unusual_max", "2d"), over("unusual_count", "1d"), over("unusual_count", "2d")];
  const run = { kind: "run_count", entity: "terminal" };
  const plansOf = (drafts: readonly FeatureDraft[]) => planEntities(specOf(WINDOWS, drafts)).slice(0, 2);
  const keptOf = (drafts: readonly FeatureDraft[]) =>
    plansOf(drafts).map((plan) => [plan.usual?.widthsMs, plan.run?.explainedBy]);
  expect(keptOf([...usual, run])).toEqual([
    [[2 * DAY_MS, DAY_MS], undefined],
    [undefined, -1],
  ]);
  expect(keptOf([{ ...run, explained_by: "card" }])).toEqual([
    [[], undefined],
    [undefined, 0],
  ]);
  expect(plansOf([...usual, run]).map(judgeOfOne)).toEqual([-1, -1]);
  expect(judgeOf(plansOf([{ ...run, explained_by: "card" }]))).toBe(0);
  // Usual amounts use no tiles.
  expect(plansOf(usual).flatMap(({ payments }) => payments.rings)).toEqual([]);
});

test("the longest window is the longest one that a feature uses", () => {
  expect(longestWindowMs(specOf(WINDOWS, [over("count", "1d"), over("fraud_count", "2d")]))).toBe(2 * DAY_MS);
  expect(longestWindowMs(specOf(WINDOWS, [{ kind: "amount" }]))).toBe(0);
});

describe("the fingerprint", () => {
  const base = [over("count", "1d"), over("fraud_count", "2d")];
  const of = (drafts: readonly FeatureDraft[], windows?: typeof WINDOWS) => cardPlanOf(drafts, windows).fingerprint;

  test.each([
    ["a sum", [...base, over("sum", "1d")]],
    ["a maximum", [...base, over("max", "1d")]],
    ["squares", [...base, over("std", "1d")]],
    ["another ring", [...base, over("count", "2d")]],
    ["labels instead of payments", [over("label_count", "1d"), over("fraud_count", "2d")]],
    ["partners", [...base, { kind: "pair_count", entity: "card", of: "terminal" }]],
    ["a home", [...base, { kind: "distance_from_home", entity: "card" }]],
    ["a first fraud", [...base, { kind: "days_since_first_fraud", entity: "card" }]],
    ["a usual amount", [...base, { kind: "ratio_to_usual", entity: "card" }]],
    ["a run of frauds", [...base, { kind: "run_count", entity: "card" }]],
  ])("changes with %s", (_name, drafts) => {
    expect(of(drafts)).not.toBe(of(base));
  });

  test("changes if the width, tile width or longest window changes", () => {
    expect(of(base, { ...WINDOWS, "1d": { width: "1d", tile: "2h" } })).not.toBe(of(base));
    expect(of(base, { ...WINDOWS, "1d": { width: "2d", tile: "1h" } })).not.toBe(of(base));
    const terminal = { kind: "count", entity: "terminal", window: "unused" };
    expect(of([...base, terminal])).not.toBe(of(base));
  });

  test("does not change if a feature uses values that are already kept, or only the payment", () => {
    const more = [over("label_count", "2d"), over("fraud_rate", "2d"), over("count", "2h"), { kind: "amount" }];
    expect(of([...base, ...more])).toBe(of(base));
    expect(of(base)).toBe(of(base));
  });
});
