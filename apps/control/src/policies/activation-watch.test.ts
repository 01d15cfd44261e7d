import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DEFAULT_GUARD } from "@tripline/decision-engine/rollouts/guard-in-effect";
import type { WatchSource } from "./activation-watch.js";
import { beginWatch, mixesOf } from "./activation-watch.js";
import type { SeenDecision } from "./seen-decisions.js";
import { SeenDecisions } from "./seen-decisions.js";

const MINUTE_MS = 60_000;
const LOOSE = { ...DEFAULT_GUARD, outcomePointsMax: 0.3 };

/** Activations at intervals of a minute. */
const past = (...changes: Partial<WatchSource>[]): WatchSource[] =>
  changes.map((change, index) => ({
    activation: index + 1,
    sha256: change.version ?? null,
    version: null,
    kind: "new",
    activatesAtMs: (index + 1) * MINUTE_MS,
    isWatched: true,
    stoodAtMs: null,
    watch: null,
    ...change,
  }));
const watch = (cards: number) => ({
  guard: DEFAULT_GUARD,
  comparedToMs: MINUTE_MS,
  judgedFromMs: MINUTE_MS,
  versionBefore: "good",
  leftOut: [],
  before: { cards, shares: [1, 0, 0, 0] },
});
const STOOD = { version: "good", stoodAtMs: 1 };

test("compares an activation with the preceding period, using the thresholds of the given guard", () => {
  expect(beginWatch(past(STOOD, { version: "next" }), LOOSE)).toEqual({
    ...{ guard: LOOSE, comparedToMs: 2 * MINUTE_MS, judgedFromMs: 2 * MINUTE_MS },
    ...{ versionBefore: "good", leftOut: [], before: null },
  });
});

test("regression #24: the replacement of an unjudged draft is compared with the draft's baseline", () => {
  const story = past(STOOD, { version: "bad", watch: watch(40) }, { version: "worse" });
  expect(beginWatch(story, LOOSE)).toEqual({ ...watch(40), judgedFromMs: 3 * MINUTE_MS });
  const tooFew = past(STOOD, { version: "bad", watch: watch(2) }, { version: "worse" });
  expect(beginWatch(tooFew, LOOSE)).toMatchObject({ guard: LOOSE, comparedToMs: 3 * MINUTE_MS });
});

test("regression #24: a return to an unjudged draft resumes its monitoring", () => {
  const story = past(
    STOOD,
    { version: "bad", watch: watch(40) },
    { version: "other" },
    { version: "bad", kind: "return" },
  );
  expect(beginWatch(story, LOOSE)).toEqual(watch(40));
});

test("regression #24: excludes decisions of a rolled-back policy from the baseline", () => {
  const story = past(STOOD, { version: "bad" }, { ...STOOD, kind: "return" }, { version: "next" });
  expect(beginWatch(story, LOOSE)).toMatchObject({ leftOut: ["bad"], versionBefore: "good" });
});

const seen = (policyVersion: string, decidedAtMs: number, cards: number): SeenDecision[] =>
  Array.from({ length: cards }, (_, index) => ({
    ...{ tenant: "shop", cardToken: `ct_${index}`, outcome: Outcome.APPROVE },
    ...{ decidedAtMs, policyVersion, policyRevision: 7 },
  }));
const JUDGED = { tenant: "shop", revision: 7, version: "next" };

test("regression #24: an instance that has just started uses the baseline stored by another instance", () => {
  const decisions = [
    ...seen("good", MINUTE_MS - 1, 3),
    ...seen("next", MINUTE_MS, 5),
    ...seen("next", MINUTE_MS - 1, 1),
  ];
  const { before, after } = mixesOf(decisions, JUDGED, watch(40));
  expect([before.cards, after.cards]).toEqual([40, 5]);
  expect(mixesOf(decisions, JUDGED, { ...watch(40), before: null }).before.cards).toBe(3);
});

test("judges the removal of a policy by decisions that the previous policy did not make", () => {
  const decisions = [...seen("good", MINUTE_MS - 1, 3), ...seen("good", MINUTE_MS, 2), ...seen("file", MINUTE_MS, 4)];
  const { before, after } = mixesOf(
    decisions,
    { ...JUDGED, revision: null, version: null },
    { ...watch(0), before: null },
  );
  expect([before.cards, after.cards]).toEqual([3, 4]);
});

test("regression #24: a busy tenant does not use up the memory of a quiet one", () => {
  const memory = new SeenDecisions({ listen: () => undefined }, 1_000);
  const decide = (tenant: string, count: number) => {
    for (let index = 0; index < count; index += 1) {
      memory.decision({ transactionId: `${tenant}-${index}`, tenant, cardToken: "ct" } as never);
    }
  };
  decide("quiet", 50);
  decide("busy", 5_000);
  decide("quiet", 50);
  expect([...memory.of("quiet")]).toHaveLength(50);
  expect([...memory.of("")].length).toBeLessThanOrEqual(1_000);
});
