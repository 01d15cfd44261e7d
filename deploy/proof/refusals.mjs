// Invalid installations and upgrades. Helm rejects some before anything changes, with a message that says what to do.
// The others wait with a visible reason while the previous version keeps running.
import { randomBytes } from "node:crypto";
import { awaitReady, kubectl, NAMESPACE, RELEASE } from "./cluster.mjs";
import { must, run, say } from "./run-command.mjs";

const NAMESPACE_OTHER = `${NAMESPACE}-refused`;
const HELM_MS_MAX = 300_000;
const SYSTEMS = [
  "image.registry=tripline,image.tag=dev,auth.issuer=http://auth.example.com",
  "kafka.bootstrapServers=kafka.example.invalid:9092,kafka.waitSeconds=8",
  "redis.url=redis://redis.example.invalid:6379",
];

/** @param {string} chart */
export function expectRefusals(chart) {
  const set = [...SYSTEMS, `fullnameOverride=${RELEASE}`].flatMap((pair) => ["--set", pair]);
  // The names are those of the release in this namespace.
  const sameNames = ["--values", `${chart}/values-local.yaml`, "--set", `fullnameOverride=${RELEASE}`];
  expectRefusal(chart, NAMESPACE, sameNames, /the release \S+ in the namespace \S+ already uses these names/);
  must(["kubectl", "create", "namespace", NAMESPACE_OTHER]);
  try {
    must([
      "kubectl",
      "wait",
      "--namespace",
      NAMESPACE_OTHER,
      "--for=create",
      "serviceaccount/default",
      "--timeout=30s",
    ]);
    expectRefusal(
      chart,
      NAMESPACE_OTHER,
      set,
      /the Secret tripline-auth with key-encryption-key, .* is not in the namespace/,
    );
    makeSecrets();
    // The hook waits for Kafka, and then fails with this sentence.
    expectRefusal(chart, NAMESPACE_OTHER, set, /Kafka at kafka\.example\.invalid:9092 was not ready within \d+ s/);
    const left = must([
      "kubectl",
      "--namespace",
      NAMESPACE_OTHER,
      "get",
      "deployments,statefulsets",
      "--output",
      "name",
    ]);
    if (left !== "") throw new Error(`An install without Kafka left ${left}`);
  } finally {
    run(["kubectl", "delete", "namespace", NAMESPACE_OTHER, "--timeout=120s"], { timeoutMs: HELM_MS_MAX });
  }
}

/**
 * @param {string} chart
 * @param {string} namespace
 * @param {readonly string[]} args
 * @param {RegExp} sentence
 */
function expectRefusal(chart, namespace, args, sentence) {
  const command = [
    "helm",
    "--namespace",
    namespace,
    "install",
    "refused",
    chart,
    "--wait",
    "--timeout",
    "120s",
    ...args,
  ];
  const { status, stdout, stderr } = run(command, { timeoutMs: HELM_MS_MAX });
  const said = `${stdout}\n${stderr}`;
  if (status === 0) throw new Error(`helm accepted an invalid install; expected ${sentence}.`);
  const found = sentence.exec(said);
  if (found === null) throw new Error(`helm rejected the install, but its output does not match ${sentence}:\n${said}`);
  say(
    `  refused: ${
      said
        .split("\n")
        .find((line) => sentence.test(line))
        ?.trim() ?? found[0]
    }`,
  );
}

function makeSecrets() {
  const make = (/** @type {string} */ name, /** @type {Readonly<Record<string, string>>} */ content) =>
    must([
      ...["kubectl", "--namespace", NAMESPACE_OTHER, "create", "secret", "generic", name],
      ...Object.entries(content).map(([key, value]) => `--from-literal=${key}=${value}`),
    ]);
  const key = randomBytes(32).toString("base64");
  make("tripline-ingestion", { "card-token-key": key });
  make("tripline-auth", { "key-encryption-key": key, "bootstrap-clients": "[]", "postgres-url": "postgresql://x@x/x" });
  make("tripline-client", { "client-id": "shop", "client-secret": key });
}

/**
 * Checks that a pod that fits on no node stays pending with a reason, while the previous pod keeps running.
 *
 * @param {string} chart
 * @param {readonly string[]} values
 */
export function expectRoomToBeMissed(chart, values) {
  const large = ["--set", "services.archive.resources.requests.cpu=500"];
  const upgrade = ["helm", "--namespace", NAMESPACE, "upgrade", RELEASE, chart, ...values, ...large];
  const { status } = run([...upgrade, "--wait", "--timeout", "20s"], { timeoutMs: HELM_MS_MAX });
  if (status === 0) throw new Error("helm found a node with 500 cores.");
  const waiting = "jsonpath={.items[*].status.conditions[?(@.type=='PodScheduled')].message}";
  const pending = ["--selector=app.kubernetes.io/component=archive", "--field-selector=status.phase=Pending"];
  const message = kubectl(["get", "pods", ...pending, "--output", waiting]);
  if (!/Insufficient cpu/.test(message)) throw new Error(`The pod does not say that no node has 500 cores: ${message}`);
  say(`  waiting: ${message}`);
  kubectl(["wait", "--for=condition=Available", "deployment/tripline-archive", "--timeout=10s"]);
  must(["helm", "--namespace", NAMESPACE, "rollback", RELEASE, "--wait"], { timeoutMs: HELM_MS_MAX });
  awaitReady();
}

/**
 * Checks that the migration job rejects a schema of a later version.
 *
 * @param {string} chart
 * @param {readonly string[]} values
 */
export function expectNewerSchemaToBeRefused(chart, values) {
  const table = "auth.schema_migrations";
  asDatabaseOwner(`INSERT INTO ${table} (version, name, sha256) VALUES (9000, '9000', 'later')`);
  try {
    must(["helm", "--namespace", NAMESPACE, "upgrade", RELEASE, chart, ...values], { timeoutMs: HELM_MS_MAX });
    const history = must(["helm", "--namespace", NAMESPACE, "history", RELEASE, "--output", "json"]);
    const job = `job/tripline-migrate-${JSON.parse(history).at(-1).revision}`;
    kubectl(["wait", "--for=condition=Failed", job, "--timeout=100s"]);
    const said = kubectl(["logs", job]);
    const sentence = /The database is at migration 9000, but this build only knows migrations up to \d+[^"]*/.exec(
      said,
    );
    if (sentence === null) throw new Error(`The job did not reject a newer schema:\n${said}`);
    say(`  refused: ${sentence[0]}`);
  } finally {
    asDatabaseOwner(`DELETE FROM ${table} WHERE version = 9000`);
  }
}

/** @param {string} statement */
function asDatabaseOwner(statement) {
  const psql = `PGPASSWORD="$POSTGRES_PASSWORD" psql --host 127.0.0.1 --username tripline --command "${statement}" tripline`;
  kubectl(["exec", "statefulset/tripline-postgres", "--", "sh", "-c", psql]);
}
