// Tests that a deployment works: images, compose, and the chart on a real cluster, under traffic, upgrades, a bad
// version and kills.   npx tripline test deploy --help
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DATA_NAMESPACE, diagnosis, NAMESPACE } from "./cluster.mjs";
import { prove } from "./prove.mjs";
import { proveTls } from "./prove-tls.mjs";
import { run, say } from "./run-command.mjs";

const ROOT = join(import.meta.dirname, "..", "..");

const HELP = `npx tripline test deploy [options]

  --reuse-images   take the images tripline/*:dev that the engine has, and build only what is missing
  --skip-compose   without the part with docker compose
  --tls            instead of all that: the chart with TLS, and with each service's own rights on a Kafka, a Valkey and a
                   Postgres outside of the release
  --rollouts URL   also new versions by Argo Rollouts, whose controller must be in the cluster; URL is of the Prometheus
                   that reads the pods there, as the controller reaches it
  --keep           leave the release in the cluster at the end, or where it failed

Needs docker, helm (4, or 3.19 and newer), kubectl, KUBECONFIG, and TRIPLINE_IMAGE_LOAD: the command that brings an image
of the engine into the cluster, for instance "kind load docker-image" or "minikube image load". The cluster should be
there for nothing else, with 4 GB of memory free.
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

/** @returns {string | undefined} a sentence about the first thing that is missing */
function whatIsMissing() {
  for (const [program, args, where] of /** @type {const} */ ([
    ["docker", ["version"], "https://docs.docker.com/engine/install/"],
    ["helm", ["version"], "https://helm.sh/docs/intro/install/"],
    ["kubectl", ["version", "--client"], "https://kubernetes.io/docs/tasks/tools/"],
  ])) {
    if (run([program, ...args]).status !== 0) {
      return `${program} is not there or cannot do its work: install it (${where}), or start its engine.`;
    }
  }
  if (loader().length === 0) {
    return 'TRIPLINE_IMAGE_LOAD is not set: say how an image comes into the cluster, for instance "kind load docker-image".';
  }
  const nodes = run(["kubectl", "get", "nodes", "--output", "name"]);
  if (nodes.status !== 0) return `kubectl reaches no cluster: set KUBECONFIG. It says: ${nodes.stderr.trim()}`;
  const there = [NAMESPACE, DATA_NAMESPACE].find((name) => run(["kubectl", "get", "namespace", name]).status === 0);
  if (there !== undefined) {
    return `The namespace ${there} is there already: delete it first (kubectl delete namespace ${there}).`;
  }
  if (!existsSync(join(ROOT, "apps", "cli", "dist", "main.js"))) {
    return "The repository is not built: run node tools/start/install.mjs first.";
  }
  return undefined;
}
