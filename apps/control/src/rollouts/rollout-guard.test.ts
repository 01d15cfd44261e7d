import { TriplineError } from "@tripline/contracts/error-table";
import { Decision, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { createLogger } from "@tripline/telemetry/logger";
import type { AlertStore } from "./alert-store.js";
import { RolloutGuard } from "./rollout-guard.js";
import { rolloutPlan } from "./rollout-plan.js";
import type { RolloutState } from "./rollout-state.js";
import type { Rollouts } from "./rollouts.js";

test("regression #31: the guards decide even if the alerts cannot be stored", async () => {
  const state = { rolloutId: "rol_1", stage: "canary", revision: 2, plan: rolloutPlan.parse({}) } as RolloutState;
  const rollouts: Pick<Rollouts, "open" | "promoted" | "publishAgain" | "publishPending" | "finishRollbacks"> = {
    open: async () => [state],
    promoted: async () => [],
    publishAgain: async () => {},
    publishPending: async () => {},
    finishRollbacks: async () => {},
  };
  const stored = Promise.withResolvers<void>();
  const judged = Promise.withResolvers<string>();
  const alerts: Pick<AlertStore, "store" | "verdictsOf"> = {
    async store() {
      stored.resolve();
      throw new TriplineError("database-unavailable", "The statement took too long.");
    },
    async verdictsOf({ rolloutId }) {
      judged.resolve(rolloutId);
      return { alerts: [], matureLabels: 0 };
    },
  };
  const feed = { listen: () => {}, isCaughtUp: false };
  const guard = new RolloutGuard(rollouts as Rollouts, alerts as AlertStore, feed, createLogger("control", "silent"));
  guard.onModuleInit();
  await stored.promise;
  // Waits until the round has ended, whether or not it called `verdictsOf`.
  await guard.onApplicationShutdown();
  judged.resolve("none");
  expect(await judged.promise).toBe("rol_1");
});

test("regression #31: an automatic rollout that waits for a model card says so, and logs it once", async () => {
  const plan = rolloutPlan.parse({ begin_with: "canary", steps_percent: [50], guards: { mature_labels_min: 0 } });
  const shares = { canaryBasisPoints: 0, shadowBasisPoints: 10_000, isHeld: false, revision: 1, changedAtMs: 0 };
  const names = { rolloutId: "rol_1", modelName: "fraud", candidateVersion: "0000000000ca" };
  const state = { ...names, ...shares, stage: "shadow", plan } as RolloutState;
  const why = "fraud 0000000000ca cannot get more cards.";
  const looks = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const steps: string[] = [];
  let round = 0;
  const rollouts: Partial<Rollouts> = {
    open: async () => [state],
    async promoted() {
      // Scoring serves the candidate, so nothing but the card prevents the step.
      for (let at = 0; at < 10; at += 1) guard.decision(decisionOf(`txn_${round}_${at}`, state.candidateVersion));
      return [];
    },
    publishAgain: async () => {},
    publishPending: async () => {},
    finishRollbacks: async () => {},
    watched: async () => 0,
    async permissionFor() {
      looks[round]?.resolve();
      round += 1;
      return { why };
    },
    async step(_model, step) {
      steps.push(step);
      for (const look of looks) look.resolve();
      return state;
    },
  };
  const alerts: Partial<AlertStore> = { store: async () => {}, add() {} };
  const logger = createLogger("control", "silent");
  const logged: unknown[] = [];
  logger.warn = (_fields: unknown, text?: unknown) => logged.push(text);
  const feed = { listen: () => {}, isCaughtUp: true };
  const guard = new RolloutGuard(rollouts as Rollouts, alerts as AlertStore, feed, logger);
  guard.onModuleInit();
  for (const { promise } of looks) await promise;
  await guard.onApplicationShutdown();
  const finding = { guard: "model-card", isJudged: false, isBreached: false, text: why };
  expect(guard.findingsOf("rol_1")).toContainEqual(finding);
  expect([steps, logged]).toEqual([[], [why]]);
});

function decisionOf(clientTransactionId: string, candidateVersion: string): Decision {
  const scores = { candidateScore: 0.01, championScore: 0.01, candidateMissing: "" };
  return {
    ...Decision.decode(new Uint8Array()),
    ...{ tenant: "acme", clientTransactionId, cardToken: clientTransactionId, rung: Rung.MODEL, score: 0.01 },
    ...{ acceptedAtMs: 1, decidedAtMs: Date.now() },
    trial: { trialRole: TrialRole.SHADOW, candidateVersion, ...scores },
  };
}
