// Access to the cluster in KUBECONFIG: the release under test, and pods that send payments to it.
import { setTimeout as delay } from "node:timers/promises";
import { must, run } from "./run-command.mjs";

export const NAMESPACE = "tripline-proof";
/** The namespace of the servers with TLS. */
export const DATA_NAMESPACE = `${NAMESPACE}-data`;
export const RELEASE = "tripline";
export const SERVICES = ["ingestion", "features", "scoring", "decisions", "auth", "control", "console", "archive"];

const POLL_MS = 1_000;
const READY_SECONDS_MAX = 240;
const START_MS_MAX = 180_000;
const END_MS_MAX = 300_000;
const SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

/**
 * @param {readonly string[]} args
 * @param {import("./run-command.mjs").RunOptions} [options]
 */
export function kubectl(args, options) {
  return must(["kubectl", "--namespace", NAMESPACE, ...args], options);
}

/** @param {object} manifest */
export function apply(manifest) {
  kubectl(["apply", "--filename", "-"], { input: JSON.stringify(manifest) });
}

/** @param {readonly string[]} services */
export function awaitReady(services = SERVICES) {
  for (const service of services) {
    const timeout = `--timeout=${READY_SECONDS_MAX}s`;
    kubectl(["rollout", "status", `deployment/tripline-${service}`, timeout], {
      timeoutMs: (READY_SECONDS_MAX + 10) * 1_000,
    });
  }
}

/** Environment variables of a command if all connections use TLS. */
const BY_TLS = Object.entries({
  KAFKA_BROKERS: `kafka.${DATA_NAMESPACE}:9092`,
  KAFKA_TLS: "true",
  KAFKA_CA_FILE: "/tls/ca.crt",
  KAFKA_CERT_FILE: "/tls/tls.crt",
  KAFKA_KEY_FILE: "/tls/tls.key",
  NODE_EXTRA_CA_CERTS: "/tls/ca.crt",
}).map(([name, value]) => ({ name, value }));

/**
 * A pod that runs the `tripline` command. Like the chart's own test, it has access to ingestion, auth and Kafka.
 *
 * @param {string} name
 * @param {readonly string[]} args
 * @param {{ image: string, configMap?: string, identity?: string | undefined }} options identity: a Secret with the
 *   pod's client certificate, if all connections use TLS
 */
function clientPod(name, args, { image, configMap, identity }) {
  const fromSecret = (/** @type {string} */ variable, /** @type {string} */ key) => ({
    name: variable,
    valueFrom: { secretKeyRef: { name: "tripline-client", key } },
  });
  const files = [
    ...(configMap === undefined ? [] : [{ name: "files", configMap: { name: configMap } }]),
    ...(identity === undefined ? [] : [{ name: "tls", secret: { secretName: identity } }]),
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      labels: {
        "app.kubernetes.io/name": "tripline",
        "app.kubernetes.io/instance": RELEASE,
        "app.kubernetes.io/component": "client",
      },
    },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "tripline",
          image,
          imagePullPolicy: "IfNotPresent",
          args,
          env: [
            ...(identity === undefined ? [{ name: "KAFKA_BROKERS", value: "tripline-kafka:9092" }] : BY_TLS),
            fromSecret("CLIENT_ID", "client-id"),
            fromSecret("CLIENT_SECRET", "client-secret"),
          ],
          securityContext: SECURITY,
          resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "512Mi" } },
          volumeMounts: [
            { name: "tmp", mountPath: "/tmp" },
            ...files.map(({ name: file }) => ({ name: file, mountPath: `/${file}`, readOnly: true })),
          ],
        },
      ],
      volumes: [{ name: "tmp", emptyDir: {} }, ...files],
    },
  };
}

/** The last line of `tripline traffic`. */
const TRAFFIC_LINE = /^traffic: sent=(\d+) accepted=(\d+) failed=(\d+) decided=(\d+) pending=(\d+) degraded=(\d+)/m;
/** The reasons why payments were not accepted, with their counts. */
const REASON_LINES = /^not accepted: (.+)$/gm;
const LEDGER_LINE = /^ledger: accepted=(\d+) decided=(\d+) lost=(\d+) duplicated=(\d+) repeated=(\d+)/m;

/**
 * @typedef {{ sent: number, accepted: number, failed: number, degraded: number, reasons: string[] }} Traffic
 * @typedef {{ accepted: number, decided: number, lost: number, duplicated: number }} Ledger
 */

/**
 * @param {string} text
 * @returns {Traffic}
 */
export function readTraffic(text) {
  const last = text.split("\n").findLast((line) => TRAFFIC_LINE.test(line)) ?? "";
  const [sent = 0, accepted = 0, failed = 0, , , degraded = 0] = numbersIn(TRAFFIC_LINE, last, text);
  const reasons = [...text.matchAll(REASON_LINES)].map(([, reason = ""]) => reason);
  return { sent, accepted, failed, degraded, reasons };
}

/**
 * @param {string} text
 * @returns {Ledger}
 */
export function readLedger(text) {
  const [accepted = 0, decided = 0, lost = 0, duplicated = 0] = numbersIn(LEDGER_LINE, text, text);
  return { accepted, decided, lost, duplicated };
}

/**
 * @param {RegExp} pattern
 * @param {string} line
 * @param {string} all
 */
function numbersIn(pattern, line, all) {
  const match = pattern.exec(line);
  if (match === null) throw new Error(`The output of the payment sender cannot be parsed:\n${all}`);
  return match.slice(1).map(Number);
}

/**
 * Checks that every accepted payment has exactly one decision.
 *
 * @param {Ledger} ledger
 * @param {string} when
 */
export function expectBalance(ledger, when) {
  const { accepted, decided, lost, duplicated } = ledger;
  if (accepted > 0 && accepted === decided && lost === 0 && duplicated === 0) return;
  throw new Error(`${when}, the ledger does not balance: ${JSON.stringify(ledger)}`);
}

/** A sender inside the cluster. */
export class TrafficPod {
  /**
   * @param {string} name
   * @param {{ image: string, ratePerSecond: number, durationSeconds: number, identity?: string }} options
   */
  constructor(name, { image, ratePerSecond, durationSeconds, identity }) {
    this.name = name;
    this.pod = { image, identity };
    const scheme = identity === undefined ? "http" : "https";
    this.args = [
      "traffic",
      `--api=${scheme}://tripline-ingestion:8080`,
      `--token-url=${scheme}://tripline-auth:8080/oauth/token`,
      `--rate=${ratePerSecond}`,
      `--duration=${durationSeconds}s`,
    ];
  }

  /** Resolves once payments are decided at the full rate, so that later steps run under traffic. */
  async start() {
    apply(clientPod(this.name, this.args, this.pod));
    const deadlineMs = Date.now() + START_MS_MAX;
    for (;;) {
      const log = run(["kubectl", "--namespace", NAMESPACE, "logs", this.name]).stdout;
      const lines = log.split("\n").filter((line) => TRAFFIC_LINE.test(line));
      // There is a line every 5 s, and the full rate is reached after 10 s.
      if (lines.length > 2 && readTraffic(log).accepted > 0) return;
      if (Date.now() > deadlineMs) throw new Error(`No payment of ${this.name} was decided:\n${log}`);
      await delay(POLL_MS);
    }
  }

  /** Stops the sender and waits for its ledger. */
  async end() {
    // Deleting the pod would also delete its log.
    kubectl(["exec", this.name, "--", "node", "-e", "process.kill(1, 'SIGTERM')"]);
    return this.result();
  }

  /** @returns {Promise<{ traffic: Traffic, ledger: Ledger }>} */
  async result() {
    const log = await logAtEnd(this.name);
    return { traffic: readTraffic(log), ledger: readLedger(log) };
  }
}

/**
 * Compares payments that were sent from outside with the decisions.
 *
 * @param {string} acceptedIds one per line
 * @param {string} image
 */
export async function ledgerOf(acceptedIds, image) {
  const name = "proof-ledger";
  apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { accepted: acceptedIds } });
  apply(clientPod(name, ["ledger", "--accepted=/files/accepted"], { image, configMap: name }));
  const log = await logAtEnd(name);
  kubectl(["delete", "configmap", name]);
  return readLedger(log);
}

/**
 * Runs a command to its end. Returns its output.
 *
 * @param {string} name
 * @param {readonly string[]} args
 * @param {{ image: string, identity: string }} options
 */
export function runCommand(name, args, options) {
  apply(clientPod(name, args, options));
  return logAtEnd(name);
}

/**
 * Waits until a pod has ended, then deletes it and returns its log.
 *
 * @param {string} name
 */
async function logAtEnd(name) {
  const deadlineMs = Date.now() + END_MS_MAX;
  for (;;) {
    const phase = kubectl(["get", "pod", name, "--output", "jsonpath={.status.phase}"]);
    if (phase === "Succeeded" || phase === "Failed") break;
    if (Date.now() > deadlineMs) throw new Error(`${name} did not finish:\n${kubectl(["logs", name])}`);
    await delay(POLL_MS);
  }
  const log = kubectl(["logs", name]);
  kubectl(["delete", "pod", name, "--wait=true"]);
  return log;
}

/** Information for troubleshooting: pods, events, and the logs of pods that are not ready. */
export function diagnosis() {
  const show = (/** @type {string[]} */ args) => run(["kubectl", "--namespace", NAMESPACE, ...args]).stdout;
  const pods = show(["get", "pods", "--output", "wide"]);
  const events = show(["get", "events", "--sort-by=.lastTimestamp"]).split("\n").slice(-25).join("\n");
  const notReady = pods
    .split("\n")
    .slice(1)
    .filter((line) => line !== "" && !/\b(\d+)\/\1\b.*Running|Completed/.test(line))
    .map((line) => line.split(/\s+/)[0] ?? "");
  const logs = notReady
    .slice(0, 5)
    .map((name) => `--- ${name}\n${show(["logs", name, "--all-containers", "--tail=20"])}`);
  return [pods, events, ...logs].join("\n");
}
