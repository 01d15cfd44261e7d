// Deploys new versions with Argo Rollouts under traffic: the migration from Deployments, a good version that a user
// promotes, and a version with worse metrics that is rolled back. Needs the controller in the cluster, and a Prometheus
// that scrapes the pods.
import { join } from "node:path";
import { expectBalance, kubectl, NAMESPACE, RELEASE, TrafficPod } from "./cluster.mjs";
import { must, run, say } from "./run-command.mjs";

const SERVICES = ["ingestion", "scoring", "decisions"];
const HELM_MS_MAX = 600_000;
const FOLLOW_MINUTES = 10;
const RATE_PER_SECOND = 20;
const TRAFFIC_SECONDS_MAX = 1_800;

/**
 * @typedef {{ root: string, chart: string, values: readonly string[], prometheus: string, load: readonly string[] }} RolloutOptions
 */

/** @param {RolloutOptions} options */
export async function proveRollouts(options) {
  const { load, values, prometheus } = options;
  // This version of the decisions service cannot reach scoring. It is ready, but decides without the model.
  const worse = `FROM tripline/decisions:dev\nENTRYPOINT ["env", "SCORING_ADDRESS=127.0.0.1:1", "node", "dist/main.js"]\n`;
  must(["docker", "build", "--tag", "tripline/decisions:worse", "-"], { input: worse });
  must([...load, "tripline/decisions:worse"], { timeoutMs: HELM_MS_MAX });
  const steps = {
    "rollouts.enabled": "true",
    "rollouts.weights": "{50}",
    "rollouts.pauseAfterFirst": "true",
    "rollouts.analysis.prometheus": prometheus,
    "rollouts.analysis.delaySeconds": "40",
    "rollouts.analysis.intervalSeconds": "10",
    "rollouts.analysis.count": "3",
  };
  const set = [...values, ...Object.entries(steps).flatMap(([name, value]) => ["--set", `${name}=${value}`])];
  const pod = new TrafficPod("traffic-rollouts", {
    image: "tripline/cli:dev",
    ratePerSecond: RATE_PER_SECOND,
    durationSeconds: TRAFFIC_SECONDS_MAX,
  });
  await pod.start();
  switchOver(options, set);
  takeGoodVersion(options, set);
  refuseWorseVersion(options, set);
  const { traffic, ledger } = await pod.end();
  say(`  ${JSON.stringify(traffic)} ${JSON.stringify(ledger)}`);
  expectBalance(ledger, "After the Rollouts");
  if (traffic.failed > 0)
    throw new Error(
      `During the rollouts, ${traffic.failed} of ${traffic.sent} requests failed: ${traffic.reasons.join(", ")}.`,
    );
}

/**
 * Keeps the Deployments until the pods of the Rollouts are ready.
 *
 * @param {RolloutOptions} options
 * @param {readonly string[]} set
 */
function switchOver(options, set) {
  const deployments = SERVICES.map((service) => `deployment/tripline-${service}`);
  kubectl(["annotate", ...deployments, "helm.sh/resource-policy=keep"]);
  upgrade(options, set);
  follow(options, ["--until", "healthy"]);
  kubectl(["delete", ...deployments, "--wait=true", "--timeout=120s"], { timeoutMs: 130_000 });
  say("  three Deployments became Rollouts");
}

/**
 * @param {RolloutOptions} options
 * @param {readonly string[]} set
 */
function takeGoodVersion(options, set) {
  upgrade(options, [...set, ...SERVICES.flatMap((name) => ["--set", `services.${name}.podAnnotations.version=good`])]);
  follow(options, ["--until", "paused"]);
  say("  a good version waits after its first step");
  follow(options, ["--promote", "--until", "healthy"]);
  say("  after promotion, it replaced the old version");
}

/**
 * @param {RolloutOptions} options
 * @param {readonly string[]} set
 */
function refuseWorseVersion(options, set) {
  const good = SERVICES.flatMap((name) => ["--set", `services.${name}.podAnnotations.version=good`]);
  upgrade(options, [...set, ...good, "--set", "services.decisions.image.tag=worse"]);
  const { status, stderr } = run(followCommand(options, ["--until", "paused"]), { timeoutMs: followMs() });
  const sentence = /tripline-decisions was rolled back to the previous version: .*/.exec(stderr)?.[0];
  if (status === 0 || sentence === undefined) throw new Error(`A worse version was not rolled back:\n${stderr}`);
  say(`  ${sentence}`);
  must(["helm", "--namespace", NAMESPACE, "rollback", RELEASE, howToWait()], { timeoutMs: HELM_MS_MAX });
  follow(options, ["--until", "healthy"]);
}

/**
 * @param {RolloutOptions} options
 * @param {readonly string[]} args
 */
function upgrade({ chart }, args) {
  const command = ["helm", "--namespace", NAMESPACE, "upgrade", RELEASE, chart, howToWait(), "--timeout", "300s"];
  must([...command, ...args], { timeoutMs: HELM_MS_MAX });
}

/**
 * @param {RolloutOptions} options
 * @param {readonly string[]} args
 */
function follow(options, args) {
  must(followCommand(options, args), { timeoutMs: followMs() });
}

/**
 * @param {RolloutOptions} options
 * @param {readonly string[]} args
 */
function followCommand({ root }, args) {
  const program = join(root, "deploy", "rollout", "follow-rollouts.mjs");
  return [process.execPath, program, "--namespace", NAMESPACE, "--minutes", String(FOLLOW_MINUTES), ...args];
}

/** Helm 4's default watcher cannot read the state of a Rollout and would wait until its timeout. */
function howToWait() {
  return /^v?4\./.test(must(["helm", "version", "--template", "{{.Version}}"])) ? "--wait=legacy" : "--wait";
}

/** Slightly longer than the command's own time limit. */
function followMs() {
  return (FOLLOW_MINUTES + 1) * 60_000;
}
