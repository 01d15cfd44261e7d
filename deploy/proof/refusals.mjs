// Installs that cannot work: refused before anything is changed, in a sentence that says what to do.
import { NAMESPACE } from "./cluster.mjs";
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
  const set = SYSTEMS.flatMap((pair) => ["--set", pair]);
  expectRefusal(chart, NAMESPACE, ["--values", `${chart}/values-local.yaml`], /the release proof is in the namespace/);
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
    // The hook waits for Kafka where everybody can see it, and then says so.
    expectRefusal(chart, NAMESPACE_OTHER, set, /Kafka at kafka\.example\.invalid:9092 did not come within \d+ s/);
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
  if (status === 0) throw new Error(`helm installed what cannot work; it should have said ${sentence}.`);
  const found = sentence.exec(said);
  if (found === null) throw new Error(`helm refused, but did not say ${sentence}:\n${said}`);
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
  const make = (/** @type {string} */ name, /** @type {readonly string[]} */ keys) =>
    must([
      ...["kubectl", "--namespace", NAMESPACE_OTHER, "create", "secret", "generic", name],
      ...keys.map((key) => `--from-literal=${key}=x`),
    ]);
  make("tripline-ingestion", ["card-token-key"]);
  make("tripline-auth", ["key-encryption-key", "bootstrap-clients", "postgres-url"]);
}
