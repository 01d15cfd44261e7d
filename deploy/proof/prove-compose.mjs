// The whole system with docker compose, beside anything else that runs here: a project and ports of its own.
import { must, run, say } from "./run-command.mjs";

const PROJECT = "tripline-proof";
const PORT_FIRST = 17_400;
const PORT_NAMES = [
  "",
  "_AUTH",
  "_FEATURES",
  "_SCORING",
  "_SCORING_GRPC",
  "_DECISIONS",
  "_KAFKA",
  "_REDIS",
  "_POSTGRES",
  "_ARCHIVE",
];
const UP_MS_MAX = 600_000;

/** @param {string} root */
export function proveCompose(root) {
  const environment = Object.fromEntries(
    PORT_NAMES.map((name, index) => [`TRIPLINE${name}_PORT`, String(PORT_FIRST + index)]),
  );
  const options = { cwd: root, environment, timeoutMs: UP_MS_MAX };
  const compose = ["docker", "compose", "--project-name", PROJECT];
  try {
    must([...compose, "up", "--wait", "--no-build"], options);
    const traffic = [
      "traffic",
      "--api=http://ingestion:8080",
      "--token-url=http://auth:8080/oauth/token",
      "--payments=20",
      "--failures-max=0",
    ];
    const output = must([...compose, "run", "--rm", "tripline", ...traffic], options);
    say(output.trimEnd().split("\n").slice(-2).join("\n").replaceAll(/^/gm, "  "));
  } catch (error) {
    process.stderr.write(run([...compose, "ps", "--all"], options).stdout);
    process.stderr.write(run([...compose, "logs", "--tail=15"], options).stdout);
    throw error;
  } finally {
    run([...compose, "--profile", "tools", "down", "--volumes", "--timeout", "20"], options);
  }
}
