import { Decision, Outcome, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { GuardName } from "@tripline/decision-engine/rollouts/finding";
import { CANDIDATE_LATE } from "@tripline/decision-engine/rollouts/judge-trial";
import { cardOf } from "../testing/card-of.js";
import { rolloutPlan } from "./rollout-plan.js";
import type { RolloutState } from "./rollout-state.js";
import { TrialWatch } from "./trial-watch.js";

const CANDIDATE = "0000000000ca";
const STEP_MS = 1_700_000_000_000;
const state: RolloutState = {
  rolloutId: "rol_1",
  modelName: "fraud",
  candidateVersion: CANDIDATE,
  championVersion: "0000000000c0",
  stage: "canary",
  canaryBasisPoints: 100,
  shadowBasisPoints: 0,
  isHeld: false,
  isRegistryPending: false,
  revision: 2,
  startedAtMs: STEP_MS,
  changedAtMs: STEP_MS,
  changedBy: "ann",
  why: "",
  plan: rolloutPlan.parse({ guards: { window_seconds: 60 } }),
};

let watch: TrialWatch;
beforeEach(() => {
  watch = new TrialWatch(state);
});

/** A payment with its own card. */
function decision(id: string, role: TrialRole, change: Partial<Decision> = {}): Decision {
  return {
    ...Decision.decode(new Uint8Array()),
    tenant: "acme",
    clientTransactionId: id,
    cardToken: cardOf(state.rolloutId, role, id),
    outcome: Outcome.APPROVE,
    rung: Rung.MODEL,
    score: 0.01,
    acceptedAtMs: STEP_MS,
    decidedAtMs: STEP_MS + 10,
    trial: {
      trialRole: role,
      candidateVersion: CANDIDATE,
      candidateScore: 0.01,
      championScore: 0.01,
      candidateMissing: "",
    },
    ...change,
  };
}
const add = (count: number, role: TrialRole, change: Partial<Decision> = {}, name = TrialRole[role]): void => {
  for (let at = 0; at < count; at += 1) watch.add(decision(`${name}-${at}`, role, change));
};
const judged = (nowMs = STEP_MS + 1_000): GuardName[] =>
  watch.judge(nowMs).flatMap(({ guard, isJudged }) => (isJudged ? [guard] : []));
const breached = (nowMs = STEP_MS + 1_000): GuardName[] =>
  watch.judge(nowMs).flatMap(({ guard, isBreached }) => (isBreached ? [guard] : []));

test("counts both arms, but no decisions from before the step or from another rollout", () => {
  add(20, TrialRole.CONTROL);
  add(20, TrialRole.CANARY, { decidedAtMs: STEP_MS - 1 });
  const trial = { ...decision("x", TrialRole.CANARY).trial, candidateVersion: "another" };
  add(20, TrialRole.CANARY, { trial: trial as Decision["trial"] }, "other");
  add(20, TrialRole.CANARY, { trial: undefined }, "none");
  expect(judged()).toEqual([]);
  add(20, TrialRole.CANARY, {}, "counted");
  expect(judged()).toEqual(["scores-missing", "outcomes", "latency", "score-distribution"]);
});

test("counts a duplicate decision on the topic only once", () => {
  for (let time = 0; time < 50; time += 1) add(3, TrialRole.CANARY);
  const distribution = watch.judge(STEP_MS + 1_000).find(({ guard }) => guard === "score-distribution");
  expect(distribution?.text).toContain("; 3 payments compared");
});

test("forgets missing scores that are older than the window, but not outcomes and scores", () => {
  const failed = { candidateVersion: CANDIDATE, candidateMissing: "late", trialRole: TrialRole.CANARY };
  add(200, TrialRole.CONTROL);
  add(20, TrialRole.CANARY, { outcome: Outcome.DECLINE, trial: failed });
  expect(breached(STEP_MS + 60_000)).toEqual(["scores-missing", "outcomes"]);
  expect(judged(STEP_MS + 60_011)).toEqual([]);
  add(9, TrialRole.CONTROL, { decidedAtMs: STEP_MS + 60_000 }, "later");
  add(9, TrialRole.CANARY, { decidedAtMs: STEP_MS + 60_000 }, "late");
  expect(breached(STEP_MS + 60_011)).toEqual(["outcomes"]);
});

test("the evidence still counts after a step", () => {
  add(200, TrialRole.CONTROL);
  add(20, TrialRole.CANARY, { outcome: Outcome.DECLINE });
  const step = { ...state, canaryBasisPoints: 500, revision: 3, changedAtMs: STEP_MS + 1_000 };
  watch = new TrialWatch(step, watch);
  add(9, TrialRole.CONTROL, { decidedAtMs: STEP_MS + 2_000 }, "later");
  add(9, TrialRole.CANARY, { decidedAtMs: STEP_MS + 2_000 }, "late");
  expect(breached(STEP_MS + 2_000)).toEqual(["outcomes"]);
});

test("regression #31: outcomes decided with an earlier share do not count", () => {
  add(200, TrialRole.CONTROL);
  add(50, TrialRole.SHADOW, { outcome: Outcome.DECLINE });
  const cardToken = cardOf(state.rolloutId, TrialRole.CANARY, "later a candidate's");
  add(1, TrialRole.CONTROL, { outcome: Outcome.REVIEW, cardToken }, "before");
  const outcomes = watch.judge(STEP_MS + 1_000).find(({ guard }) => guard === "outcomes");
  expect(outcomes).toMatchObject({ isJudged: true, isBreached: false });
  expect(outcomes?.text).toMatch(/review: 0 of 0 cards .*decline: 0 of 0 cards/);
});

test("the latest payments show whether scoring has the candidate", () => {
  const trialOf = (candidateMissing: string) => ({
    trial: { trialRole: TrialRole.SHADOW, candidateVersion: CANDIDATE, candidateMissing },
  });
  add(9, TrialRole.SHADOW, {}, "first");
  expect(watch.isServed).toBeUndefined();
  add(1, TrialRole.SHADOW, trialOf("scoring rejected the request (NOT_FOUND)"), "refused");
  expect(watch.isServed).toBe(false);
  add(9, TrialRole.SHADOW, {}, "later");
  expect(watch.isServed).toBe(false);
  add(1, TrialRole.SHADOW, trialOf(CANDIDATE_LATE), "late");
  expect(watch.isServed).toBe(true);
});
