import type { Goal, Rollout } from "../../../../deploy/rollout/judge-rollouts.mjs";
import { judgeRollouts } from "../../../../deploy/rollout/judge-rollouts.mjs";

type Status = NonNullable<Rollout["status"]>;

/** As the controller writes it; `generation` is what Helm has set last. */
function rollout(status: Status, generation = 3): Rollout {
  return { metadata: { name: "tripline-decisions", generation }, status: { observedGeneration: "3", ...status } };
}

const healthy = rollout({ phase: "Healthy" });
const atStep = rollout({
  phase: "Paused",
  message: "CanaryPauseStep",
  pauseConditions: [{ reason: "CanaryPauseStep" }],
});
const untold = rollout({
  phase: "Paused",
  message: "InconclusiveAnalysisRun",
  pauseConditions: [{ reason: "InconclusiveAnalysisRun" }],
});
const moving = rollout({ phase: "Progressing", message: "more replicas need to be updated" });
const back = rollout({ phase: "Degraded", message: "RolloutAborted: metric assessed Failed" });

describe("judgeRollouts", () => {
  test.each<[string, readonly Rollout[], Goal, string]>([
    ["all through", [healthy, healthy], "healthy", "reached"],
    ["one on its way", [healthy, moving], "healthy", "moving"],
    ["at the step that waits for a person", [healthy, atStep], "paused", "reached"],
    ["at that step while the end is waited for", [healthy, atStep], "healthy", "moving"],
    ["back at the version before", [healthy, back], "healthy", "stopped"],
    ["without figures", [healthy, untold], "paused", "stopped"],
    ["just let go on", [rollout({ phase: "Paused", message: "CanaryPauseStep" })], "healthy", "moving"],
    ["none there", [], "healthy", "stopped"],
    ["a state of before the change", [rollout({ phase: "Healthy" }, 4)], "healthy", "moving"],
    ["a fault of before the change", [rollout({ phase: "Degraded" }, 4)], "healthy", "moving"],
    [
      "not seen by the controller yet",
      [{ metadata: { name: "tripline-decisions", generation: 1 } }],
      "paused",
      "moving",
    ],
  ])("%s", (_name, rollouts, goal, state) => {
    expect(judgeRollouts(rollouts, goal).state).toBe(state);
  });

  test("reports what happened and what to do", () => {
    expect(judgeRollouts([back], "healthy")).toMatchObject({
      fault: "tripline-decisions went back to the version before: RolloutAborted: metric assessed Failed.",
      lines: ["tripline-decisions: Degraded RolloutAborted: metric assessed Failed"],
    });
    expect(judgeRollouts([untold], "paused")).toMatchObject({
      fault: expect.stringMatching(/is there traffic\?.*kubectl argo rollouts promote tripline-decisions/),
    });
    expect(judgeRollouts([], "paused")).toMatchObject({ fault: expect.stringMatching(/^There is no Rollout: set/) });
  });
});
