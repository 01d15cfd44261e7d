// Tests deployments: the images, Compose, and the chart on a real cluster, under traffic with upgrades, a bad version
// and killed pods.   npx tripline test deploy --help
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DATA_NAMESPACE, diagnosis, NAMESPACE } from "./cluster.mjs";
import { prove } from "./prove.mjs";
import { proveTls } from "./prove-tls.mjs";
import { run, say } from "./run-command.mjs";

const ROOT = join(import.meta.dirname, "..", "..");

const HELP = `npx tripline test deploy [options]

  --reuse-images   use existing images tripline/*:dev of the engine, and build only the missing ones
  --skip-compose   skip the test with docker compose
  --tls            instead of all other tests, test the chart with TLS and least-privilege access to a Kafka, a Valkey
                   and a Postgres outside the release
  --rollouts URL   also deploy new versions with Argo Rollouts, whose controller must be in the cluster; URL is the one
                   at which the controller reaches a Prometheus that scrapes the pods
  --keep           keep the release in the cluster at the end, or after a failure

Needs docker, helm (4, or 3.19 and newer), kubectl, KUBECONFIG, and TRIPLINE_IMAGE_LOAD: the command that loads an image
from the engine into the cluster, for instance "kind load docker-image" or "minikube image load". The cluster should not
be used for anything else, and needs 4 GB of free memory.
`;

const { values } = parseArgs({
  options: {
    "reuse-images": { type: "boolean", default: false },
    "skip-compose": { type: "boolean", default: false },
    tls: { type: "boolean", default: false },
    rollouts: { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) say(HELP);
else {
  const missing = whatIsMissing();
  if (missing === undefined) process.exitCode = await proveAndTidy();
  else {
    process.stderr.write(`${missing}\n`);
    process.exitCode = 1;
  }
}

async function proveAndTidy() {
  let failed = false;
  try {
    const { "reuse-images": reuseImages, "skip-compose": skipCompose, tls, rollouts, keep } = values;
    const options = { root: ROOT, load: loader(), reuseImages, keep };
    say(await (tls ? proveTls(options) : prove({ ...options, skipCompose, rollouts })));
    return 0;
  } catch (error) {
    failed = true;
    process.stderr.write(`\n${diagnosis()}\n\n${error instanceof Error ? error.message : error}\n`);
    return 1;
  } finally {
    if (failed && !values.keep) {
      run(["kubectl", "delete", "namespace", NAMESPACE, DATA_NAMESPACE, "--ignore-not-found"]);
    }
  }
}

function loader() {
  const { TRIPLINE_IMAGE_LOAD: command = "" } = process.env;
  return command.split(" ").filter((word) => word !== "");
}

/** @returns {string | undefined} a sentence about the first missing requirement */
function whatIsMissing() {
  for (const [program, args, where] of /** @type {const} */ ([
    ["docker", ["version"], "https://docs.docker.com/engine/install/"],
    ["helm", ["version"], "https://helm.sh/docs/intro/install/"],
    ["kubectl", ["version", "--client"], "https://kubernetes.io/docs/tasks/tools/"],
  ])) {
    if (run([program, ...args]).status !== 0) {
      return `${program} is not installed or does not work: install it (${where}), or start its engine.`;
    }
  }
  if (loader().length === 0) {
    return 'TRIPLINE_IMAGE_LOAD is not set: set it to a command that loads images, such as "kind load docker-image".';
  }
  const nodes = run(["kubectl", "get", "nodes", "--output", "name"]);
  if (nodes.status !== 0) return `kubectl cannot reach a cluster: set KUBECONFIG. Its error: ${nodes.stderr.trim()}`;
  const there = [NAMESPACE, DATA_NAMESPACE].find((name) => run(["kubectl", "get", "namespace", name]).status === 0);
  if (there !== undefined) {
    return `The namespace ${there} already exists: delete it first (kubectl delete namespace ${there}).`;
  }
  if (!existsSync(join(ROOT, "apps", "cli", "dist", "main.js"))) {
    return "The repository is not built: run node tools/start/install.mjs first.";
  }
  return undefined;
}
