#!/usr/bin/env node
// Entry point of `npx tripline`, `npm run tripline` and `npm run demo`. Runs this checkout's tools directly. For other
// commands: checks the machine, installs, builds, and runs the program.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPorts } from "../../packages/system/ports.mjs";
import { programFile } from "../../packages/system/programs.mjs";
import { demoDocker } from "./demo-docker.mjs";
import { examine, printFindings, sentence } from "./doctor.mjs";
import { examineModel } from "./examine-model.mjs";
import { describeProcess } from "./find-holder.mjs";
import { endLeftovers } from "./find-leftovers.mjs";
import { install } from "./install.mjs";
import { stepPrinter } from "./step-line.mjs";
import { findTool, runTool, toolsHelp } from "./tools.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const PARENT_POLL_MS = 500;
/** Commands that start the whole system, so their ports must be free. */
const STARTS_SYSTEM = ["demo", "dev", "journey", "parity"];
/** Commands that also need the memory. All other commands may run while a system uses it. */
const NEEDS_MEMORY = [...STARTS_SYSTEM, "train", "retrain"];
/** With this option, `parity` only reads. */
const READS_ONLY = "--lake";
/** The terminal sends Ctrl-C to this process and to npm, which forwards it: the two count as one signal. */
const SAME_INTERRUPT_MS = 1_000;

const startedAtMs = Date.now() - performance.now();
const [command = "demo", ...args] = process.argv.slice(2);
const asksForHelp = command === "help" || [command, ...args].some((argument) => ["--help", "-h"].includes(argument));

const tool = findTool([command, ...args]);

try {
  if (tool !== undefined) await runTool(ROOT, tool, [command, ...args]);
  else if (command === "--version") process.stdout.write(`${version()}\n`);
  else if (command === "doctor") process.exitCode = await printExamination();
  else if (asksForHelp) process.exitCode = await printHelp();
  else if (command === "demo" && args.includes("--docker")) process.exitCode = await demoDocker(ROOT, args);
  else process.exitCode = await runCommand();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

/** @returns {string} */
function version() {
  return JSON.parse(fs.readFileSync(join(ROOT, "package.json"), "utf8")).version;
}

async function printHelp() {
  const code = await handOver(await install({ root: ROOT }));
  if (args.length === 0) process.stdout.write(toolsHelp());
  return code;
}

async function printExamination() {
  const cloud = args.indexOf("--cloud");
  const findings = [
    ...(await examine({ ports: readPorts(), root: ROOT })),
    ...(await examineModel(ROOT)),
    ...(cloud === -1 ? [] : [await examineIdentity(args[cloud + 1] ?? "")]),
  ];
  printFindings(findings);
  return findings.every((finding) => finding.ok) ? 0 : 1;
}

/**
 * @param {string} cloud
 * @returns {Promise<import("./doctor.mjs").Finding>}
 */
async function examineIdentity(cloud) {
  if (!fs.existsSync(join(ROOT, "packages/cloud-identity/dist/examine-cloud.js"))) {
    return { name: "cloud", ok: false, detail: "Tripline is not compiled", fix: "run npm run build" };
  }
  const { examineCloud } = await import("../../packages/cloud-identity/dist/examine-cloud.js");
  return examineCloud(cloud, process.env);
}

async function runCommand() {
  const onStep = stepPrinter();
  const name = "examine this machine";
  await endLeftovers(ROOT);
  onStep({ name, state: "start" });
  const startsSystem = STARTS_SYSTEM.includes(command) && !args.includes(READS_ONLY);
  const findings = await examine({ ports: startsSystem ? readPorts() : {}, root: ROOT });
  const failed = findings.filter(({ ok, name: what }) => !ok && (what !== "memory" || NEEDS_MEMORY.includes(command)));
  const durationMs = Math.round(performance.now());
  onStep({ name, state: failed.length === 0 ? "done" : "failed", durationMs });
  if (failed.length > 0) {
    for (const { detail, fix } of failed) process.stderr.write(`${sentence(detail, fix)}\n`);
    return 1;
  }
  // Browser journeys belong to packages/testing, which is not a program.
  const needsProgramsOnly = startsSystem && command !== "journey";
  const installed = await install({ root: ROOT, onStep, startsSystem: needsProgramsOnly });
  const steps = [{ name, durationMs }, ...installed];
  return handOver(steps);
}

/**
 * Resolves to the program's exit code.
 *
 * @param {{ name: string, durationMs: number }[]} steps
 * @returns {Promise<number>}
 */
function handOver(steps) {
  const node = join(ROOT, "node_modules", ".bin", "node");
  const preload = new URL("./end-with-parent.mjs", import.meta.url).href;
  const program = programFile(ROOT, "cli");
  const child = spawn(node, ["--import", preload, "--enable-source-maps", program, command, ...args], {
    cwd: process.cwd(),
    // Its own process group, so that Ctrl-C reaches it only once, through this process and not from the terminal.
    detached: true,
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: {
      NODE_COMPILE_CACHE: join(ROOT, ".tripline", "compile-cache"),
      ...process.env,
      TRIPLINE_BOOTSTRAP_STEPS: JSON.stringify(steps),
      TRIPLINE_STARTED_AT_MS: String(Math.round(startedAtMs)),
    },
  });
  let interruptedAtMs = Number.NEGATIVE_INFINITY;
  process.on("SIGINT", () => {
    if (performance.now() - interruptedAtMs < SAME_INTERRUPT_MS) return;
    interruptedAtMs = performance.now();
    child.kill("SIGINT");
  });
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGWINCH"])) process.on(signal, () => child.kill(signal));
  process.on("SIGHUP", () => child.kill("SIGTERM"));
  endWithNpm(child);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + os.constants.signals[signal]));
  });
}

/**
 * If npm itself is killed, the program ends as well. There is at most a shell between npm and this process.
 *
 * @param {import("node:child_process").ChildProcess} child
 */
function endWithNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = describeProcess(process.ppid);
  const ancestors = [parent, describeProcess(parent?.parentPid ?? 0)];
  const npm = ancestors.find(
    (ancestor) => ancestor !== undefined && /^npm\b|npm-cli|\/npm\b/.test(ancestor.commandLine),
  );
  if (npm === undefined) return;
  const watch = setInterval(() => {
    if (describeProcess(npm.pid)?.commandLine === npm.commandLine) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, PARENT_POLL_MS);
  watch.unref();
}
