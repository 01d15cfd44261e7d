// Waits until the new version of each Rollout of a release is paused at its first step, or has replaced the old one.
// --promote first continues paused Rollouts. For workflows, which have kubectl but not its Argo Rollouts plugin.
//   node deploy/rollout/follow-rollouts.mjs --namespace tripline --until paused
//   node deploy/rollout/follow-rollouts.mjs --namespace tripline --promote --until healthy
import { spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isAtPauseStep, judgeRollouts } from "./judge-rollouts.mjs";

const POLL_MS = 2_000;
const KUBECTL_MS_MAX = 60_000;
const MINUTES_DEFAULT = 60;
const MINUTES_MAX = 24 * 60;
const KIND = "rollouts.argoproj.io";

try {
  process.exitCode = await follow();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

async function follow() {
  const { namespace, until, promote, minutes } = readOptions();
  if (promote) {
    for (const rollout of rolloutsOf(namespace).filter(isAtPauseStep)) promoteOne(namespace, rollout.metadata.name);
  }
  const deadlineMs = Date.now() + minutes * 60_000;
  let shown = "";
  for (;;) {
    const judgement = judgeRollouts(rolloutsOf(namespace), until);
    const lines = judgement.lines.join("\n");
    if (lines !== shown) process.stdout.write(`${lines}\n\n`);
    shown = lines;
    if (judgement.state === "reached") return 0;
    if (judgement.state === "stopped") throw new Error(judgement.fault);
    if (Date.now() > deadlineMs) throw new Error(`After ${minutes} minutes, some Rollouts are not ${until}.`);
    await delay(POLL_MS);
  }
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      namespace: { type: "string", default: "tripline" },
      until: { type: "string", default: "" },
      promote: { type: "boolean", default: false },
      minutes: { type: "string", default: String(MINUTES_DEFAULT) },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= MINUTES_MAX)) {
    throw new Error(`--minutes is ${values.minutes}; it must be a number up to ${MINUTES_MAX}.`);
  }
  if (values.until !== "paused" && values.until !== "healthy") {
    throw new Error(`--until is "${values.until}"; it must be paused or healthy.`);
  }
  return { namespace: values.namespace, until: values.until, promote: values.promote, minutes };
}

/**
 * @param {string} namespace
 * @returns {readonly import("./judge-rollouts.mjs").Rollout[]}
 */
function rolloutsOf(namespace) {
  const selector = "app.kubernetes.io/name=tripline";
  return JSON.parse(kubectl(namespace, ["get", KIND, "--selector", selector, "--output", "json"])).items;
}

/**
 * Continues a paused Rollout, as `kubectl argo rollouts promote` does.
 *
 * @param {string} namespace
 * @param {string} name
 */
function promoteOne(namespace, name) {
  const patch = JSON.stringify({ status: { pauseConditions: null } });
  kubectl(namespace, ["patch", KIND, name, "--subresource=status", "--type=merge", "--patch", patch]);
  process.stdout.write(`${name} continues\n`);
}

/**
 * @param {string} namespace
 * @param {readonly string[]} args
 */
function kubectl(namespace, args) {
  const result = spawnSync("kubectl", ["--namespace", namespace, ...args], {
    encoding: "utf8",
    timeout: KUBECTL_MS_MAX,
  });
  if (result.status === 0) return result.stdout;
  const reason = result.error?.message ?? result.stderr.trim();
  throw new Error(`kubectl ${args.slice(0, 2).join(" ")} failed: ${reason}`);
}
