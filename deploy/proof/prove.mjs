// The steps of the test, in order.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  awaitReady,
  expectBalance,
  kubectl,
  ledgerOf,
  NAMESPACE,
  RELEASE,
  readTraffic,
  SERVICES,
  TrafficPod,
} from "./cluster.mjs";
import { proveCompose } from "./prove-compose.mjs";
import { proveRollouts } from "./prove-rollouts.mjs";
import { expectNewerSchemaToBeRefused, expectRefusals, expectRoomToBeMissed } from "./refusals.mjs";
import { must, run, say, step } from "./run-command.mjs";

export const APPS = [...SERVICES, "cli", "training"];
/** Third-party images. A cluster that can pull them does not need them to be loaded. */
const SYSTEMS = ["apache/kafka:4.3.1", "valkey/valkey:8-bookworm", "postgres:17-bookworm"];
const NODE_PORTS = { ingestion: 31_740, auth: 31_741 };
const AUDIT_SECRET = "secret/tripline-audit";
const RATE_PER_SECOND = 20;
/** Longer than any part of the test. Each part stops its sender at the end. */
const TRAFFIC_SECONDS_MAX = 1_200;
const BUILD_MS_MAX = 30 * 60_000;
const LOAD_MS_MAX = 300_000;
const HELM_MS_MAX = 900_000;
const UPGRADE_SECONDS_MAX = 300;
const BAD_VERSION_SECONDS_MAX = 60;
const SCORECARD_MS_MAX = 60_000;

/**
 * @typedef {{
 *   root: string,
 *   load: readonly string[],
 *   reuseImages: boolean,
 *   skipCompose: boolean,
 *   rollouts: string | undefined,
 *   keep: boolean,
 * }} ProofOptions rollouts: URL of the Prometheus whose metrics the rollouts use
 */

/**
 * @param {ProofOptions} options
 * @returns {Promise<string>} the result, in one line
 */
export async function prove(options) {
  const { root, load, reuseImages, skipCompose, rollouts, keep } = options;
  const chart = join(root, "deploy", "helm", "tripline");
  await step("build the images", () => buildImages(root, skipCompose ? APPS : [...APPS, "feast"], reuseImages));
  if (skipCompose) say("- docker compose is skipped");
  else
    await step("docker compose up --wait, payments decided, and their features read from Feast", () =>
      proveCompose(root),
    );
  await step("load the images into the cluster", () => loadImages(load));
  must(["kubectl", "create", "namespace", NAMESPACE]);
  must(["kubectl", "label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"]);
  const install = await step("helm install --wait", () =>
    helm(["install", RELEASE, chart, "--wait", ...timeout(600), ...values(chart)]),
  );
  await step("helm test", () => say(indent(helm(["test", RELEASE, "--logs"]))));
  await step("payments from a pod", () => fromPod());
  await step("payments through a NodePort", () => throughNodePort(root));
  const upgrade = await step("helm upgrade under traffic", () => upgradeUnderTraffic(chart));
  await step("a bad version under traffic is rolled back automatically", () => badVersionUnderTraffic(chart));
  const kills = await step("kill each service under traffic", () => killsUnderTraffic());
  await step("the scorecard decides without scoring, under traffic", () => withoutScoring());
  await step("scale from 1 to 3 and back under traffic", () => scaleUnderTraffic(chart));
  await step("invalid releases are rejected or wait", () => {
    expectRefusals(chart);
    expectRoomToBeMissed(chart, [...values(chart), ...NEXT]);
    expectNewerSchemaToBeRefused(chart, [...values(chart), ...NEXT]);
  });
  if (rollouts !== undefined) {
    const under = { root, chart, load, values: [...values(chart), ...NEXT], prometheus: rollouts };
    await step("Argo Rollouts deploys new versions under traffic", () => proveRollouts(under));
  }
  if (keep) say(`- kept: the release ${RELEASE} in the namespace ${NAMESPACE}`);
  else await step("helm uninstall leaves nothing", () => uninstall());
  return [
    `deploy: compose=${skipCompose ? "skipped" : "ok"}`,
    `install_s=${install.seconds.toFixed(0)}`,
    `upgrade_lost=${upgrade.value}`,
    "rollback=ok",
    `kills=${kills.value.recovered}/${SERVICES.length}`,
    `ledger_lost=${kills.value.lost}`,
  ].join(" ");
}

/** @param {string} app */
export const imageOf = (app) => `tripline/${app}:dev`;

/**
 * @param {string} root
 * @param {readonly string[]} apps
 * @param {boolean} reuse
 */
export function buildImages(root, apps, reuse) {
  const isThere = (/** @type {string} */ app) => run(["docker", "image", "inspect", imageOf(app)]).status === 0;
  const wanted = reuse ? apps.filter((app) => !isThere(app)) : apps;
  if (wanted.length === 0) return;
  const command = [process.execPath, join(root, "deploy", "docker", "build-images.mjs"), "--only", wanted.join(",")];
  must(command, { cwd: root, timeoutMs: BUILD_MS_MAX });
}

/** @param {readonly string[]} load */
export function loadImages(load) {
  for (const app of APPS) must([...load, imageOf(app)], { timeoutMs: LOAD_MS_MAX });
  for (const image of SYSTEMS) {
    // The cluster must pull images that the engine does not have.
    if (run(["docker", "image", "inspect", image]).status === 0) must([...load, image], { timeoutMs: LOAD_MS_MAX });
  }
  // A version that exits immediately.
  const bad = `FROM ${imageOf("decisions")}\nENTRYPOINT ["node", "-e", "console.error('a bad version'); process.exit(1)"]\n`;
  must(["docker", "build", "--tag", "tripline/decisions:bad", "-"], { input: bad, timeoutMs: LOAD_MS_MAX });
  must([...load, "tripline/decisions:bad"], { timeoutMs: LOAD_MS_MAX });
}

/** @param {number} seconds */
export const timeout = (seconds) => ["--timeout", `${seconds}s`];

/** @param {string} chart */
function values(chart) {
  return [
    ...["--values", join(chart, "values-local.yaml")],
    ...Object.entries(NODE_PORTS).flatMap(([service, port]) => ["--set", `services.${service}.nodePort=${port}`]),
  ];
}

/** @param {readonly string[]} args */
export function helm(args) {
  return must(["helm", "--namespace", NAMESPACE, ...args], { timeoutMs: HELM_MS_MAX });
}

/**
 * @param {string} name
 * @param {number} [durationSeconds]
 */
function sender(name, durationSeconds = TRAFFIC_SECONDS_MAX) {
  return new TrafficPod(name, { image: imageOf("cli"), ratePerSecond: RATE_PER_SECOND, durationSeconds });
}

async function fromPod() {
  const pod = sender("traffic-calm", 25);
  await pod.start();
  const { traffic, ledger } = await pod.result();
  say(`  ${JSON.stringify(traffic)} ${JSON.stringify(ledger)}`);
  expectBalance(ledger, "Without disturbances");
  expectNoFailure(traffic, "Without disturbances");
}

/** @param {string} root */
async function throughNodePort(root) {
  const path = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}";
  const node = must(["kubectl", "get", "nodes", "--output", path]);
  const secret = (/** @type {string} */ key) =>
    Buffer.from(
      kubectl(["get", "secret", "tripline-client", "--output", `jsonpath={.data.${key}}`]),
      "base64",
    ).toString();
  const folder = mkdtempSync(join(tmpdir(), "tripline-proof-"));
  try {
    const accepted = join(folder, "accepted");
    const address = (/** @type {number} */ port) => `http://${node}:${port}`;
    const command = [
      // The checkout's own Node, because the programs need Node 24 and another version may run this script.
      join(root, "node_modules", ".bin", "node"),
      join(root, "apps", "cli", "dist", "main.js"),
      "traffic",
      `--api=${address(NODE_PORTS.ingestion)}`,
      `--token-url=${address(NODE_PORTS.auth)}/oauth/token`,
      `--rate=${RATE_PER_SECOND}`,
      "--duration=20s",
      `--accepted=${accepted}`,
      "--failures-max=0",
    ];
    const environment = { CLIENT_ID: secret("client-id"), CLIENT_SECRET: secret("client-secret") };
    const output = must(command, { environment, timeoutMs: HELM_MS_MAX });
    const ledger = await ledgerOf(readFileSync(accepted, "utf8"), imageOf("cli"));
    say(`  ${JSON.stringify(readTraffic(output))} ${JSON.stringify(ledger)}`);
    expectBalance(ledger, "Through the NodePort");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Any change to the pod template replaces all pods, as a new version of the image would. */
const NEXT = SERVICES.flatMap((service) => ["--set", `services.${service}.podAnnotations.version=next`]);

/** @param {string} chart */
async function upgradeUnderTraffic(chart) {
  const pod = sender("traffic-upgrade");
  await pod.start();
  helm(["upgrade", RELEASE, chart, "--wait", ...timeout(UPGRADE_SECONDS_MAX), ...values(chart), ...NEXT]);
  awaitReady();
  const { traffic, ledger } = await pod.end();
  say(`  ${JSON.stringify(traffic)} ${JSON.stringify(ledger)}`);
  expectBalance(ledger, "After the upgrade");
  expectNoFailure(traffic, "During the upgrade");
  return ledger.lost;
}

/** @param {string} chart */
async function badVersionUnderTraffic(chart) {
  const pod = sender("traffic-bad-version");
  await pod.start();
  const isFour = /^v?4\./.test(must(["helm", "version", "--template", "{{.Version}}"]));
  const back = isFour ? ["--rollback-on-failure", "--wait"] : ["--atomic"];
  const bad = [...NEXT, "--set", "services.decisions.image.tag=bad"];
  const command = [
    "helm",
    "--namespace",
    NAMESPACE,
    "upgrade",
    RELEASE,
    chart,
    ...back,
    ...timeout(BAD_VERSION_SECONDS_MAX),
  ];
  const { status, stderr } = run([...command, ...values(chart), ...bad], { timeoutMs: HELM_MS_MAX });
  if (status === 0) throw new Error("helm upgrade accepted a version that exits immediately.");
  say(indent(stderr));
  awaitReady();
  expectImage("decisions", imageOf("decisions"));
  const history = JSON.parse(helm(["history", RELEASE, "--output", "json"]));
  const last = history.at(-1);
  if (last.status !== "deployed") throw new Error(`The release is ${last.status} after a bad version.`);
  const { traffic, ledger } = await pod.end();
  say(`  ${JSON.stringify(traffic)} ${JSON.stringify(ledger)}`);
  expectBalance(ledger, "After the bad version");
  expectNoFailure(traffic, "During the bad version");
}

/** Requests on broken connections may fail, but no accepted payment may be lost. */
async function killsUnderTraffic() {
  const pod = sender("traffic-kills");
  await pod.start();
  let recovered = 0;
  for (const service of SERVICES) {
    const selector = `app.kubernetes.io/component=${service}`;
    kubectl(["delete", "pod", "--selector", selector, "--grace-period=0", "--force", "--wait=false"]);
    kubectl(["wait", "--for=condition=Ready", "pod", "--selector", selector, "--timeout=60s"], { timeoutMs: 70_000 });
    awaitReady([service]);
    recovered += 1;
  }
  const { traffic, ledger } = await pod.end();
  say(`  ${JSON.stringify(traffic)} ${JSON.stringify(ledger)}`);
  expectBalance(ledger, "After the kills");
  return { recovered, lost: ledger.lost };
}

/** While scoring is down, the registry's scorecard decides. */
async function withoutScoring() {
  const pod = sender("traffic-without-scoring");
  await pod.start();
  const before = decisionsByScorecard();
  kubectl(["scale", "deployment", "tripline-scoring", "--replicas=0"]);
  const deadlineMs = Date.now() + SCORECARD_MS_MAX;
  while (decisionsByScorecard() === before) {
    if (Date.now() > deadlineMs) throw new Error("Without scoring, the scorecard decided no payment.");
    await delay(1_000);
  }
  kubectl(["scale", "deployment", "tripline-scoring", "--replicas=1"]);
  awaitReady();
  const { traffic, ledger } = await pod.end();
  say(`  ${JSON.stringify(traffic)} ${JSON.stringify(ledger)}`);
  expectBalance(ledger, "Without scoring");
  expectNoFailure(traffic, "Without scoring");
}

/** Number of decisions by the scorecard, from the metrics of the only pod of decisions. */
function decisionsByScorecard() {
  const read = "fetch('http://127.0.0.1:9464/metrics').then((it) => it.text()).then((text) => console.log(text))";
  const metrics = kubectl(["exec", "deployment/tripline-decisions", "--", "node", "-e", read]);
  const counts = metrics.matchAll(/^tripline_decisions_degraded_total\{[^}]*fallback_level="scorecard"[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** @param {string} chart */
async function scaleUnderTraffic(chart) {
  const pod = sender("traffic-scale");
  await pod.start();
  for (const replicas of [3, 1]) {
    const scale = SERVICES.flatMap((service) => ["--set", `services.${service}.replicas=${replicas}`]);
    helm(["upgrade", RELEASE, chart, "--wait", ...timeout(UPGRADE_SECONDS_MAX), ...values(chart), ...NEXT, ...scale]);
    awaitReady();
    for (const service of SERVICES) {
      const ready = kubectl([
        "get",
        "deployment",
        `tripline-${service}`,
        "--output",
        "jsonpath={.status.readyReplicas}",
      ]);
      if (Number(ready) !== replicas) throw new Error(`${service} has ${ready} ready pods, not ${replicas}.`);
    }
  }
  const { traffic, ledger } = await pod.end();
  say(`  ${JSON.stringify(traffic)} ${JSON.stringify(ledger)}`);
  expectBalance(ledger, "After scaling");
  expectNoFailure(traffic, "During scaling");
}

/** @param {{ keepsVolumes?: boolean }} [options] whether volumes remain; false if the chart creates the Secrets */
export function uninstall({ keepsVolumes = false } = {}) {
  helm(["uninstall", RELEASE, "--wait", ...timeout(UPGRADE_SECONDS_MAX)]);
  const kinds = [
    "deployments,statefulsets,jobs,cronjobs,services,configmaps,secrets,serviceaccounts,networkpolicies",
    "poddisruptionbudgets,horizontalpodautoscalers",
  ].join(",");
  const selector = "app.kubernetes.io/name=tripline";
  const left = kubectl(["get", kinds, "--selector", selector, "--output", "name"]).trim();
  // The chart keeps the key of the audit log on purpose.
  if (left !== "" && left !== AUDIT_SECRET) throw new Error(`The uninstall left behind:\n${left}`);
  const gone = keepsVolumes ? "pods" : "pods,persistentvolumeclaims";
  kubectl(["wait", "--for=delete", gone, "--all", "--timeout=120s"], { timeoutMs: 130_000 });
  must(["kubectl", "delete", "namespace", NAMESPACE, "--timeout=120s"], { timeoutMs: 130_000 });
}

/**
 * @param {import("./cluster.mjs").Traffic} traffic
 * @param {string} when
 */
export function expectNoFailure(traffic, when) {
  const { failed, sent, reasons } = traffic;
  if (failed > 0) throw new Error(`${when}, ${failed} of ${sent} requests failed: ${reasons.join(", ")}.`);
}

/**
 * @param {string} service
 * @param {string} image
 */
function expectImage(service, image) {
  const path = "jsonpath={.spec.template.spec.containers[0].image}";
  const found = kubectl(["get", "deployment", `tripline-${service}`, "--output", path]);
  if (found !== image) throw new Error(`${service} runs ${found}, not ${image}.`);
}

/** @param {string} text */
export function indent(text) {
  return text.trimEnd().replaceAll(/^/gm, "  ");
}
