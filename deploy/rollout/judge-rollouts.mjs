// The state of all Rollouts of a release (Argo Rollouts) together: at the goal, on their way, or stopped.

/**
 * @typedef {"paused" | "healthy"} Goal
 * @typedef {{
 *   metadata: { name: string, generation?: number },
 *   status?: {
 *     phase?: string,
 *     message?: string,
 *     observedGeneration?: string,
 *     pauseConditions?: readonly { reason: string }[],
 *   },
 * }} Rollout
 * @typedef {{ state: "reached" | "moving", lines: readonly string[] }
 *   | { state: "stopped", lines: readonly string[], fault: string }} Judgement
 */

/** The reason of a pause that is a step, where a person is meant to look. */
const PAUSE_STEP = "CanaryPauseStep";

/**
 * @param {readonly Rollout[]} rollouts
 * @param {Goal} goal `paused`: at the step that waits for a person, or complete because nothing changed
 * @returns {Judgement}
 */
export function judgeRollouts(rollouts, goal) {
  const lines = rollouts.map(({ metadata, status }) =>
    `${metadata.name}: ${status?.phase ?? "not seen yet"} ${status?.message ?? ""}`.trimEnd(),
  );
  if (rollouts.length === 0) {
    const fault =
      "There is no Rollout: set rollouts.enabled in the chart's values, or name the namespace of the release.";
    return { state: "stopped", lines, fault };
  }
  for (const rollout of rollouts.filter(isCurrent)) {
    const fault = faultOf(rollout, goal);
    if (fault !== undefined) return { state: "stopped", lines, fault };
  }
  const isThere = rollouts.every(
    (rollout) => isCurrent(rollout) && (isHealthy(rollout) || (goal === "paused" && isAtPauseStep(rollout))),
  );
  return { state: isThere ? "reached" : "moving", lines };
}

/**
 * Until the controller has seen a change, the status is that of the previous version.
 *
 * @param {Rollout} rollout
 */
function isCurrent({ metadata, status }) {
  return status?.observedGeneration === String(metadata.generation);
}

/** @param {Rollout} rollout */
function isHealthy({ status }) {
  return status?.phase === "Healthy";
}

/** @param {Rollout} rollout */
export function isAtPauseStep({ status }) {
  return status?.phase === "Paused" && (status.pauseConditions ?? []).some(({ reason }) => reason === PAUSE_STEP);
}

/**
 * @param {Rollout} rollout
 * @param {Goal} goal
 * @returns {string | undefined}
 */
function faultOf(rollout, goal) {
  const { name } = rollout.metadata;
  const { phase, message = "", pauseConditions = [] } = rollout.status ?? {};
  if (phase === "Degraded") return `${name} went back to the version before: ${message}.`;
  // Without a condition it was promoted, and the controller has not updated the phase yet.
  if (phase !== "Paused" || pauseConditions.length === 0 || isAtPauseStep(rollout)) return undefined;
  const until = goal === "paused" ? "the step that waits for a person" : "the end";
  return `${name} stopped before ${until}, because its figures do not tell whether it is well (${message}): is there traffic? \
Check it, then continue with kubectl argo rollouts promote ${name}, or roll back with … abort ${name}.`;
}
