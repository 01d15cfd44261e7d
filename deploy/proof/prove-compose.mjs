// Runs the whole system with docker compose, with its own project name and ports so that it affects nothing else on
// this machine. Then reads the features of a payment from Feast's server.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
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
  "_FEAST",
  "_CONTROL",
  "_CONSOLE",
];
const UP_MS_MAX = 600_000;
/** A payment reaches the lake within 10 s, and Feast at most one round later. */
const FEAST_EVERY_SECONDS = 5;
const ONLINE_MS_MAX = 120_000;
const POLL_MS = 1_000;

/** @param {string} root */
export async function proveCompose(root) {
  const ports = PORT_NAMES.map((name, index) => [`TRIPLINE${name}_PORT`, String(PORT_FIRST + index)]);
  const environment = { ...Object.fromEntries(ports), TRIPLINE_FEAST_EVERY: String(FEAST_EVERY_SECONDS) };
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
    await proveConsole();
    must([...compose, "--profile", "feast", "up", "--wait", "--no-build"], options);
    const token = must([...compose, "run", "--rm", "tripline", "token"], options).trim();
    await proveFeast(root, token);
    must([...compose, "stop", "scoring"], options);
    const { fallback_level: level } = await pay(`without-scoring-${Date.now()}`, token);
    if (level !== "scorecard")
      throw new Error(`Without scoring, a payment was decided at the fallback level ${level}.`);
    say("  without scoring, the scorecard decided a payment");
  } catch (error) {
    process.stderr.write(run([...compose, "--profile", "feast", "ps", "--all"], options).stdout);
    process.stderr.write(run([...compose, "--profile", "feast", "logs", "--tail=15"], options).stdout);
    throw error;
  } finally {
    run([...compose, "--profile", "tools", "--profile", "feast", "down", "--volumes", "--timeout", "20"], options);
  }
}

/** Checks that the console serves its page, and that it redirects a user without a session to auth. */
async function proveConsole() {
  const url = `http://127.0.0.1:${portOf("_CONSOLE")}`;
  const page = await fetch(`${url}/`);
  const signIn = await fetch(`${url}/session/sign-in`, { redirect: "manual" });
  const where = signIn.headers.get("location") ?? "";
  if (page.status !== 200 || !where.startsWith(`http://127.0.0.1:${portOf("_AUTH")}/oauth/authorize?`)) {
    throw new Error(`The console returned ${page.status}, and its sign-in ${signIn.status} with location "${where}".`);
  }
  say("  the console serves its page, and redirects users to auth to sign in");
}

/**
 * Checks that Feast serves the features of a terminal after a payment: the payment is archived, converted to a table
 * and materialised into Valkey.
 *
 * @param {string} root
 * @param {string} token
 */
async function proveFeast(root, token) {
  const terminal = `proof-${Date.now()}`;
  await pay(terminal, token);
  const client = join(root, "packages", "feast-client", "dist", "http", "feast-http-client.js");
  const { FeastHttpClient } = await import(pathToFileURL(client).href);
  const feast = new FeastHttpClient({ url: `http://127.0.0.1:${portOf("_FEAST")}` });
  const question = {
    features: ["terminal_windows:terminal_count_1d", "terminal_windows:terminal_mean_30d"],
    entities: [{ terminal_id: terminal }],
  };
  const startedMs = Date.now();
  for (;;) {
    const { rows } = await feast.getOnlineFeatures(question);
    const [count, mean] = rows[0].values;
    if (count === 1 && mean === 12.5) break;
    if (Date.now() - startedMs > ONLINE_MS_MAX) {
      throw new Error(`Feast does not know the payment at ${terminal}: ${JSON.stringify(rows[0])}`);
    }
    await delay(POLL_MS);
  }
  say(`  feast: the features of a payment were online after ${((Date.now() - startedMs) / 1_000).toFixed(0)} s`);
}

/**
 * @param {string} terminal
 * @param {string} token
 * @returns {Promise<{ fallback_level: string }>} the decision
 */
async function pay(terminal, token) {
  const response = await fetch(`http://127.0.0.1:${portOf("")}/v1/transactions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=5" },
    body: JSON.stringify({
      transaction_id: terminal,
      card: { number: "4111111111111111" },
      terminal_id: terminal,
      amount: { minor: 1250, currency: "EUR" },
      occurred_at: new Date().toISOString(),
    }),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`The payment got ${response.status}: ${text}`);
  return JSON.parse(text);
}

/** @param {string} name */
function portOf(name) {
  return PORT_FIRST + PORT_NAMES.indexOf(name);
}
