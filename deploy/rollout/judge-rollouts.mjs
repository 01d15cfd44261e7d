// The combined state of all Rollouts (Argo Rollouts) of a release: at the goal, in progress, or stopped.

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

/** The pause reason when a user must check the new version. */
const PAUSE_STEP = "CanaryPauseStep";

/**
 * @param {readonly Rollout[]} rollouts
 * @param {Goal} goal `paused`: waiting for a user at a step, or complete because nothing has changed
 * @returns {Judgement}
 */
export function judgeRollouts(rollouts, goal) {
  const lines = rollouts.map(({ metadata, status }) =>
    `${metadata.name}: ${status?.phase ?? "not seen yet"} ${status?.message ?? ""}`.trimEnd(),
  );
  if (rollouts.length === 0) {
    const fault =
      "There is no Rollout: set rollouts.enabled in the chart's values, or specify the namespace of the release.";
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
 * Whether the status is current. Until the controller has seen a change, the status describes the previous version.
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
  if (phase === "Degraded") return `${name} was rolled back to the previous version: ${message}.`;
  // Without a condition it was promoted, and the controller has not updated the phase yet.
  if (phase !== "Paused" || pauseConditions.length === 0 || isAtPauseStep(rollout)) return undefined;
  const until = goal === "paused" ? "the step that waits for a user" : "the end";
  return `${name} stopped before ${until}, because its metrics are inconclusive (${message}). Check whether there is traffic, then \
continue with kubectl argo rollouts promote ${name}, or roll back with … abort ${name}.`;
}
