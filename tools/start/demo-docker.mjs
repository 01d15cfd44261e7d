// `npm run demo -- --docker`: the system of compose.yaml, with payments played through it. Needs only Docker and this Node.
import { spawn, spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { readPorts } from "../../packages/system/ports.mjs";
import { examineDocker } from "./examine-docker.mjs";

/** Practically unlimited: timers are limited to 24 days. */
const FOREVER = "500h";
/** The variable in compose.yaml that sets each part's port. */
const VARIABLES = {
  ingestion: "TRIPLINE_PORT",
  auth: "TRIPLINE_AUTH_PORT",
  control: "TRIPLINE_CONTROL_PORT",
  console: "TRIPLINE_CONSOLE_PORT",
  features: "TRIPLINE_FEATURES_PORT",
  scoring: "TRIPLINE_SCORING_PORT",
  scoringGrpc: "TRIPLINE_SCORING_GRPC_PORT",
  decisions: "TRIPLINE_DECISIONS_PORT",
  kafka: "TRIPLINE_KAFKA_PORT",
  redis: "TRIPLINE_REDIS_PORT",
  postgres: "TRIPLINE_POSTGRES_PORT",
  archive: "TRIPLINE_ARCHIVE_PORT",
};

/**
 * Starts the containers, plays traffic until its end or Ctrl-C, and stops them again. Their data is kept.
 *
 * @param {string} root the repository's root
 * @param {string[]} args the arguments after `demo`
 * @returns {Promise<number>} the exit code: 0 if every accepted payment got exactly one decision
 */
export async function demoDocker(root, args) {
  const { values } = parseArgs({
    args,
    options: {
      docker: { type: "boolean" },
      "exit-after": { type: "string", default: FOREVER },
      rate: { type: "string", default: "20" },
    },
  });
  const ports = readPorts();
  const running = spawnSync("docker", ["compose", "ps", "--quiet"], { cwd: root, encoding: "utf8" });
  const isUp = running.status === 0 && running.stdout.trim() !== "";
  const faults = await examineDocker({ root, ports: isUp ? {} : ports });
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  if (faults.length > 0) return 1;
  const environment = Object.fromEntries(
    Object.entries(VARIABLES).map(([name, variable]) => [variable, String(Reflect.get(ports, name))]),
  );
  // From here on Ctrl-C ends the traffic and not this process, which must stop the containers.
  process.on("SIGINT", () => {});
  const compose = (/** @type {string[]} */ ...command) => runCompose(root, environment, command);
  try {
    const up = await compose("up", "--build", "--wait");
    if (up !== 0) return up;
    const password = readSecret(root, environment, "demo-password");
    process.stdout.write(
      `\n  console http://127.0.0.1:${ports.console}, sign in as demo with the password ${password}` +
        `\n  API     http://127.0.0.1:${ports.ingestion} (OpenAPI at /openapi.json). Ctrl-C stops it.\n`,
    );
    const where = ["--api", "http://ingestion:8080", "--token-url", "http://auth:8080/oauth/token"];
    const howMuch = ["--rate", values.rate, "--duration", values["exit-after"]];
    return await compose("run", "--rm", "tripline", "traffic", ...where, ...howMuch);
  } finally {
    await compose("down");
  }
}

/**
 * A secret that the service `secrets` created for users and clients outside the containers.
 *
 * @param {string} root
 * @param {Record<string, string>} environment
 * @param {string} name
 */
function readSecret(root, environment, name) {
  const command = ["compose", "run", "--rm", "--no-deps", "--entrypoint", "cat", "tripline"];
  const { stdout } = spawnSync("docker", [...command, `/run/tripline/secrets/${name}`], {
    cwd: root,
    encoding: "utf8",
    env: { ...environment, ...process.env },
  });
  return String(stdout).trim();
}

/**
 * @param {string} root
 * @param {Record<string, string>} environment
 * @param {string[]} command
 * @returns {Promise<number>}
 */
function runCompose(root, environment, command) {
  const child = spawn("docker", ["compose", ...command], {
    cwd: root,
    stdio: "inherit",
    env: { ...environment, ...process.env },
  });
  const end = () => child.kill("SIGTERM");
  process.once("SIGTERM", end);
  return new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("exit", (code) => {
      process.off("SIGTERM", end);
      resolve(code ?? 1);
    });
  });
}
