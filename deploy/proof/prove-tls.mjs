// Tests the chart with TLS on all connections and least-privilege access for each service, with a Kafka, a Valkey and a
// Postgres outside the release. Installs it with Secrets from `tripline make-secrets`, and replaces every service under
// traffic. Checks that no server or service has denied anything, and that the servers deny forbidden operations.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  awaitReady,
  DATA_NAMESPACE,
  expectBalance,
  kubectl,
  NAMESPACE,
  RELEASE,
  runCommand,
  SERVICES,
  TrafficPod,
} from "./cluster.mjs";
import { APPS, buildImages, expectNoFailure, helm, imageOf, indent, loadImages, timeout, uninstall } from "./prove.mjs";
import { must, run, say, step } from "./run-command.mjs";

const SERVERS = ["kafka", "valkey", "postgres"];
const CERTIFIED = [...SERVICES, "training", "snapshots", "operator"];
const OPERATOR = "tripline-operator-tls";
const ADDRESSES = { redis: `valkey.${DATA_NAMESPACE}:6379`, database: `postgres.${DATA_NAMESPACE}:5432/tripline` };
/** Host names under which the programs reach each other, the servers and auth's issuer. */
const HOSTS = ["tripline-*", "tripline-*-grpc", `tripline-*.${NAMESPACE}.svc`, `*.${DATA_NAMESPACE}`];
const RATE_PER_SECOND = 20;
const TRAFFIC_SECONDS_MAX = 1_200;
const SERVERS_MS_MAX = 240_000;
const INSTALL_SECONDS_MAX = 600;
/** What services, jobs and commands log after a server has denied an operation. */
const REFUSALS =
  /not authorized|authorization failed|AUTHORIZATION_FAILED|NOPERM|NOAUTH|WRONGPASS|permission denied|handshake/i;
/** Ignores denied topic creations: ingestion tries to create missing topics, and continues if Kafka denies it. */
const KAFKA_DENIES = / is Denied (?!operation = CREATE )/;
const POSTGRES_DENIES = /permission denied|no pg_hba\.conf entry|authentication failed/;

/** @param {{ root: string, load: readonly string[], reuseImages: boolean, keep: boolean }} options */
export async function proveTls({ root, load, reuseImages, keep }) {
  const chart = join(root, "deploy", "helm", "tripline");
  await step("build the images", () => buildImages(root, APPS, reuseImages));
  await step("load the images into the cluster", () => loadImages(load));
  await step("a Kafka, a Valkey and a Postgres with TLS", () => startServers(root));
  const values = [
    "--values",
    join(chart, "values-local.yaml"),
    "--values",
    join(import.meta.dirname, "values-tls.yaml"),
  ];
  const install = await step("helm install --wait", () =>
    helm(["install", RELEASE, chart, "--wait", ...timeout(INSTALL_SECONDS_MAX), ...values]),
  );
  await step("helm test", () => say(indent(helm(["test", RELEASE, "--logs"]))));
  const { ledger, traffic } = await step("every service is replaced under traffic", () => restartUnderTraffic()).then(
    ({ value }) => value,
  );
  await step("no permission was denied", () => expectNoRefusal());
  const refused = await step("forbidden operations are denied", () => expectRefusals());
  if (keep) say(`- kept: the release ${RELEASE} in the namespace ${NAMESPACE}, and ${DATA_NAMESPACE}`);
  else {
    await step("helm uninstall leaves nothing but the volumes", () => {
      uninstall({ keepsVolumes: true });
      must(["kubectl", "delete", "namespace", DATA_NAMESPACE, "--timeout=120s"], { timeoutMs: 130_000 });
    });
  }
  const numbers = `payments=${traffic.accepted} failed=${traffic.failed} lost=${ledger.lost}`;
  return `deploy-tls: install_s=${install.seconds.toFixed(0)} ${numbers} refused=${refused.value}`;
}

/** @param {string} root */
function startServers(root) {
  for (const namespace of [NAMESPACE, DATA_NAMESPACE]) must(["kubectl", "create", "namespace", namespace]);
  must(["kubectl", "label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"]);
  const folder = mkdtempSync(join(tmpdir(), "tripline-secrets-"));
  try {
    const cli = [join(root, "node_modules", ".bin", "node"), join(root, "apps", "cli", "dist", "main.js")];
    const addresses = ["--redis", ADDRESSES.redis, "--database", ADDRESSES.database];
    must([...cli, "make-secrets", folder, "--tls", ...addresses, "--hosts", ...HOSTS]);
    makeSecrets(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  inData(["apply", "--filename", join(import.meta.dirname, "servers-tls.yaml")]);
  for (const server of SERVERS) {
    inData(["rollout", "status", `deployment/${server}`, "--timeout=230s"], { timeoutMs: SERVERS_MS_MAX });
  }
}

/**
 * The Secrets of the release and of the servers, from the files of `tripline make-secrets`.
 *
 * @param {string} folder
 */
function makeSecrets(folder) {
  const make = (/** @type {string} */ name, /** @type {readonly string[]} */ files, kube = kubectl) =>
    kube([
      "create",
      "secret",
      "generic",
      name,
      ...files.map((file) => `--from-file=${file.replace("@", `${folder}/`)}`),
    ]);
  for (const name of CERTIFIED)
    make(
      `tripline-${name}-tls`,
      ["tls.crt", "tls.key", "ca.crt"].map((file) => `@tls/${name}/${file}`),
    );
  make("tripline-authority", ["ca.crt=@tls/ca.pem"]);
  make("tripline-setup", ["@tls/setup"]);
  make("tripline-passwords", ["@tls/setup/passwords"]);
  make("tripline-ingestion", ["@ingestion/card-token-key"]);
  make("tripline-personal", ["@ingestion/personal-master-key"]);
  const ofAuth = ["key-encryption-key", "bootstrap-clients", "bootstrap-people", "console-client-secret"];
  make("tripline-auth", [...ofAuth.map((file) => `@auth/${file}`), "@tls/auth/postgres-url"]);
  make("tripline-control", ["@tls/control/postgres-url"]);
  make("tripline-audit", ["@control/audit-signing-key"]);
  make("tripline-console", ["@console/session-key", "@tls/console/postgres-url"]);
  for (const [name, id] of [
    ["client", "demo-shop"],
    ["training", "demo-training"],
  ]) {
    const secret = `--from-file=${folder}/${name}/client-secret`;
    kubectl(["create", "secret", "generic", `tripline-${name}`, `--from-literal=client-id=${id}`, secret]);
  }
  make("kafka", ["@tls/kafka"], inData);
  make("valkey", ["@tls/valkey", "@tls/setup/passwords"], inData);
  make("postgres", ["@tls/postgres", "@postgres/password"], inData);
}

async function restartUnderTraffic() {
  const options = { image: imageOf("cli"), ratePerSecond: RATE_PER_SECOND, durationSeconds: TRAFFIC_SECONDS_MAX };
  const pod = new TrafficPod("traffic-restart", { ...options, identity: OPERATOR });
  await pod.start();
  expectNoRefusalIn("the first pods", logsOfRelease());
  kubectl(["rollout", "restart", ...SERVICES.map((service) => `deployment/tripline-${service}`)]);
  awaitReady();
  const outcome = await pod.end();
  say(`  ${JSON.stringify(outcome.traffic)} ${JSON.stringify(outcome.ledger)}`);
  expectBalance(outcome.ledger, "After the restart of every service");
  expectNoFailure(outcome.traffic, "During the restart of every service");
  return outcome;
}

function logsOfRelease() {
  const all = ["--all-containers", "--prefix", "--tail=-1", "--max-log-requests=50"];
  return kubectl(["logs", `--selector=app.kubernetes.io/instance=${RELEASE}`, ...all]);
}

/** Checks the logs of the release and of the servers, and Valkey's list of denied commands. */
function expectNoRefusal() {
  expectNoRefusalIn("the release", logsOfRelease());
  expectNoRefusalIn("Kafka", inData(["logs", "deployment/kafka"]), KAFKA_DENIES);
  expectNoRefusalIn("Postgres", inData(["logs", "deployment/postgres"]), POSTGRES_DENIES);
  const denied = asRedisUser("setup", "ACL LOG").trim();
  if (denied !== "") throw new Error(`Valkey has denied:\n${denied}`);
}

/**
 * @param {string} where
 * @param {string} log
 * @param {RegExp} pattern
 */
function expectNoRefusalIn(where, log, pattern = REFUSALS) {
  const lines = log.split("\n").filter((line) => pattern.test(line));
  if (lines.length > 0)
    throw new Error(`${lines.length} lines of ${where} report a refusal:\n${lines.slice(0, 10).join("\n")}`);
}

/** On each server, attempts operations that an identity does not need, and connects without a certificate. */
async function expectRefusals() {
  const ingestion = { image: imageOf("cli"), identity: "tripline-ingestion-tls" };
  const attempts = [
    {
      what: "ingestion reads decisions from Kafka",
      said: await runCommand("refused-kafka", ["ledger", "--accepted=/etc/hostname", "--tenant=demo"], ingestion),
      sentence: /not authorized|authorization/i,
    },
    {
      what: "a client without a certificate connects to Kafka",
      said: withoutCertificate(),
      sentence: /CERTIFICATE_REQUIRED/,
    },
    { what: "decisions reads a state from Valkey", said: asRedisUser("decisions", "GET state:x"), sentence: /NOPERM/ },
    { what: "decisions empties Valkey", said: asRedisUser("decisions", "FLUSHALL"), sentence: /NOPERM/ },
    {
      what: "console reads auth's tables",
      said: asRole("console", "SELECT * FROM auth.schema_migrations"),
      sentence: /permission denied/,
    },
    { what: "control creates a role", said: asRole("control", "CREATE ROLE more"), sentence: /permission denied/ },
  ];
  for (const { what, said, sentence } of attempts) {
    const line = said.split("\n").find((one) => sentence.test(one));
    if (line === undefined) throw new Error(`This was not denied with ${sentence}: ${what}.\n${said}`);
    say(`  refused: ${what}: ${line.trim()}`);
  }
  return attempts.length;
}

/** Connects from a pod whose network policy allows Kafka. */
function withoutCertificate() {
  const ask = `
    const socket = require("node:tls").connect({ host: "kafka.${DATA_NAMESPACE}", port: 9092,
      ca: require("node:fs").readFileSync("/etc/tripline/kafka-ca/ca.crt") }, () => socket.write("hello"));
    socket.on("error", ({ code }) => console.log(code));
    setTimeout(() => socket.destroy(), 5_000).unref();`;
  return kubectl(["exec", "deployment/tripline-archive", "--", "node", "-e", ask]);
}

/**
 * @param {string} user
 * @param {string} command
 */
function asRedisUser(user, command) {
  const client = `valkey-cli --tls --cacert /tls/ca.crt --user ${user} ${command}`;
  return inData(["exec", "deployment/valkey", "--", "sh", "-c", `REDISCLI_AUTH="$(cat /tls/${user})" ${client}`]);
}

/**
 * Connects through the server's Unix socket, which trusts any role name.
 *
 * @param {string} role
 * @param {string} statement
 */
function asRole(role, statement) {
  const psql = ["psql", "--host=/var/run/postgresql", `--username=${role}`, `--command=${statement}`, "tripline"];
  return run(["kubectl", "--namespace", DATA_NAMESPACE, "exec", "deployment/postgres", "--", ...psql]).stderr;
}

/**
 * @param {readonly string[]} args
 * @param {import("./run-command.mjs").RunOptions} [options]
 */
function inData(args, options) {
  return must(["kubectl", "--namespace", DATA_NAMESPACE, ...args], options);
}
