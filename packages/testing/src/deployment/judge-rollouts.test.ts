import type { Goal, Rollout } from "../../../../deploy/rollout/judge-rollouts.mjs";
import { judgeRollouts } from "../../../../deploy/rollout/judge-rollouts.mjs";

type Status = NonNullable<Rollout["status"]>;

/** A status as the controller writes it; `generation` is the one that Helm set last. */
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
    ["returns reached if all are healthy", [healthy, healthy], "healthy", "reached"],
    ["returns moving if one is in progress", [healthy, moving], "healthy", "moving"],
    ["returns reached at the step that waits for a user, if that is the goal", [healthy, atStep], "paused", "reached"],
    ["returns moving at that step, if the goal is the end", [healthy, atStep], "healthy", "moving"],
    ["returns stopped after a return to the previous version", [healthy, back], "healthy", "stopped"],
    ["returns stopped if the analysis is inconclusive", [healthy, untold], "paused", "stopped"],
    ["returns moving after a resume", [rollout({ phase: "Paused", message: "CanaryPauseStep" })], "healthy", "moving"],
    ["returns stopped without rollouts", [], "healthy", "stopped"],
    ["returns moving if the status is from before the change", [rollout({ phase: "Healthy" }, 4)], "healthy", "moving"],
    ["returns moving if the fault is from before the change", [rollout({ phase: "Degraded" }, 4)], "healthy", "moving"],
    [
      "returns moving until the controller has processed the rollout",
      [{ metadata: { name: "tripline-decisions", generation: 1 } }],
      "paused",
      "moving",
    ],
  ])("%s", (_name, rollouts, goal, state) => {
    expect(judgeRollouts(rollouts, goal).state).toBe(state);
  });

  test("reports what happened and what to do", () => {
    expect(judgeRollouts([back], "healthy")).toMatchObject({
      fault: "tripline-decisions was rolled back to the previous version: RolloutAborted: metric assessed Failed.",
      lines: ["tripline-decisions: Degraded RolloutAborted: metric assessed Failed"],
    });
    expect(judgeRollouts([untold], "paused")).toMatchObject({
      fault: expect.stringMatching(
        /Check whether there is traffic, .*kubectl argo rollouts promote tripline-decisions/,
      ),
    });
    expect(judgeRollouts([], "paused")).toMatchObject({ fault: expect.stringMatching(/^There is no Rollout: set/) });
  });
});
