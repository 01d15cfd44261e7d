import { TriplineError } from "@tripline/contracts/error-table";
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
