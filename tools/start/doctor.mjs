// Tripline's requirements on a machine, and how to fix what is missing. Runs on plain Node, before anything is installed.
import { execFile } from "node:child_process";
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { readPorts } from "../../packages/system/ports.mjs";
import { findTakenPorts } from "./find-taken-ports.mjs";
import { availableMemoryBytes, freeDiskBytes } from "./measure-machine.mjs";

const NODE_MAJOR_MIN = 20;
const JAVA_MAJOR_MIN = 17;
const MAVEN_MIN = [3, 6, 3];
const MEMORY_BYTES_MIN = 2.5 * 1024 ** 3;
const DISK_BYTES_MIN = 3 * 1024 ** 3;
const COMMAND_MS_MAX = 20_000;
const PYTHONS = ["python3", "python3.13", "python3.12", "python3.11", "python3.14"];
const SYSTEMS = ["linux x64", "linux arm64", "darwin x64", "darwin arm64"];

/** @typedef {import("./doctor.mjs").Finding} Finding */
/** @typedef {Pick<import("./doctor.mjs").Readings, "ask">} Asking */

/**
 * @param {import("./doctor.mjs").Examination} examination
 * @returns {Promise<Finding[]>}
 */
export async function examine({ ports, root, readings = {} }) {
  const machine = {
    nodeVersion: process.versions.node,
    platform: process.platform,
    architecture: process.arch,
    availableMemoryBytes,
    freeDiskBytes,
    ask,
    ...readings,
  };
  const findings = await Promise.all([
    examineSystem(machine),
    examineNode(machine),
    examineNpm(machine),
    examineJava(machine),
    examineMaven(machine),
    examinePython(machine),
    examineMemory(machine),
    examineDisk(machine, root),
    examinePorts(ports, root),
  ]);
  return findings.flat();
}

const good = (/** @type {string} */ name, /** @type {string} */ detail) => ({ name, ok: true, detail, fix: "" });

const bad = (/** @type {string} */ name, /** @type {string} */ detail, /** @type {string} */ fix) => ({
  name,
  ok: false,
  detail,
  fix,
});

/** @param {{ platform: string, architecture: string }} machine */
function examineSystem({ platform, architecture }) {
  const system = `${platform} ${architecture}`;
  if (SYSTEMS.includes(system)) return good("system", system);
  if (platform === "win32") {
    const fix = "run it in WSL 2 (wsl --install), from a clone in the Linux file system";
    return bad("system", "Tripline does not run on Windows itself", fix);
  }
  const fix = "use Linux or macOS on x64 or arm64";
  return bad("system", `Kafka, Valkey and Postgres have no packages for ${system}`, fix);
}

/** @param {{ nodeVersion: string }} machine */
function examineNode({ nodeVersion }) {
  if (Number.parseInt(nodeVersion, 10) >= NODE_MAJOR_MIN) return good("Node", nodeVersion);
  return bad("Node", `Node is ${nodeVersion}, older than ${NODE_MAJOR_MIN}`, "install Node 24 from nodejs.org");
}

/** @param {Asking} machine */
async function examineNpm({ ask }) {
  const { failure, output } = await ask("npm", ["--version"]);
  if (failure === undefined) return good("npm", output.trim());
  return bad(
    "npm",
    `npm does not run (${failure})`,
    "install Node with npm from nodejs.org and make sure that npm is on the PATH",
  );
}

/** @param {Asking} machine */
async function examineJava({ ask }) {
  const fix = `install a JDK or JRE ${JAVA_MAJOR_MIN} or newer (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: brew install openjdk) and make sure that java is on the PATH`;
  const { failure, output } = await ask("java", ["-version"]);
  if (failure !== undefined) return bad("Java", `java does not run (${failure})`, fix);
  const version = /version "([^"]+)"/.exec(output)?.[1] ?? "unknown";
  // Before Java 9 the major version came second: 1.8.0.
  const major = Number.parseInt(version.replace(/^1\./, ""), 10);
  if (major >= JAVA_MAJOR_MIN) return good("Java", version);
  return bad("Java", `java is version ${version}, older than ${JAVA_MAJOR_MIN}`, fix);
}

/** @param {Asking} machine */
async function examineMaven({ ask }) {
  const needed = MAVEN_MIN.join(".");
  const fix = `install Maven ${needed} or newer (Debian, Ubuntu: apt install maven; macOS: brew install maven) and make sure that mvn is on the PATH`;
  const { failure, output } = await ask("mvn", ["--version"]);
  if (failure !== undefined) return bad("Maven", `mvn does not run (${failure})`, fix);
  const version = /Apache Maven (\d+\.\d+\.\d+)/.exec(output)?.[1] ?? "unknown";
  if (isAtLeast(version.split(".").map(Number), MAVEN_MIN)) return good("Maven", version);
  return bad("Maven", `mvn is version ${version}, older than ${needed}`, fix);
}

/** @param {Asking} machine */
async function examinePython({ ask }) {
  const script = "import sys; print('%d.%d.%d' % sys.version_info[:3]); import venv, ensurepip; print('complete')";
  /** @type {string[]} */
  const seen = [];
  for (const python of PYTHONS) {
    const { output } = await ask(python, ["-c", script]);
    const version = /^(\d+\.\d+\.\d+)$/m.exec(output)?.[1];
    if (version === undefined) continue;
    const isNew = isAtLeast(version.split(".").map(Number), [3, 11]);
    if (isNew && output.includes("complete")) return good("Python", `${version} (${python})`);
    seen.push(isNew ? `${python} is ${version}, without venv` : `${python} is ${version}`);
  }
  const found = seen.length === 0 ? "python3 does not run" : seen.join(", ");
  const fix =
    "install Python 3.11 or newer with venv (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python)";
  return bad("Python", `Python 3.11 or newer with venv was not found: ${found}`, fix);
}

/** @param {{ availableMemoryBytes: () => number | Promise<number> }} machine */
async function examineMemory(machine) {
  const bytes = await machine.availableMemoryBytes();
  const detail = `${gigabytes(bytes)} available`;
  if (bytes >= MEMORY_BYTES_MIN) return good("memory", detail);
  const fix = "close other programs or give the virtual machine or container more memory";
  return bad("memory", `${detail}, ${gigabytes(MEMORY_BYTES_MIN)} needed`, fix);
}

/**
 * @param {{ freeDiskBytes: (folder: string) => number }} machine
 * @param {string} root
 */
function examineDisk(machine, root) {
  const bytes = machine.freeDiskBytes(root);
  const detail = `${gigabytes(bytes)} free at ${root}`;
  if (bytes >= DISK_BYTES_MIN) return good("disk", detail);
  return bad("disk", `${detail}, ${gigabytes(DISK_BYTES_MIN)} needed`, "free some space or clone to another disk");
}

/**
 * @param {Readonly<Record<string, number>>} ports
 * @param {string} root
 */
async function examinePorts(ports, root) {
  const numbers = Object.values(ports);
  if (numbers.length === 0) return [];
  const taken = await findTakenPorts(ports, root);
  const range = `${Math.min(...numbers)} to ${Math.max(...numbers)}`;
  if (taken.length === 0) return [good("ports", `${range} are free`)];
  return taken.map(({ name, port, holder, isOurs }) => {
    const by = holder === undefined ? "" : ` by ${holder.command} (process ${holder.pid})`;
    const whose = isOurs ? ", which belongs to a Tripline that is still running" : "";
    const detail = `port ${port}, for ${name}, is in use${by}${whose}`;
    const fix =
      "stop that process, or set TRIPLINE_PORT_BASE to move all of Tripline's ports, for instance TRIPLINE_PORT_BASE=17400";
    return bad(`port ${port}`, detail, fix);
  });
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<import("./doctor.mjs").Answer>}
 */
function ask(command, args) {
  return new Promise((resolve) => {
    // In other locales, Maven fails in folders with non-ASCII names.
    const env = { ...process.env, LC_ALL: "C.UTF-8" };
    execFile(command, args, { timeout: COMMAND_MS_MAX, encoding: "utf8", env }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`;
      if (error === null) resolve({ output });
      else
        resolve({
          output,
          failure: error.code === "ENOENT" ? "not found" : `it exited with ${error.code ?? error.signal}`,
        });
    });
  });
}

/**
 * @param {number[]} version
 * @param {number[]} minimum
 */
function isAtLeast(version, minimum) {
  for (const [index, part] of minimum.entries()) {
    const difference = (version[index] ?? 0) - part;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

const gigabytes = (/** @type {number} */ bytes) => `${(bytes / 1024 ** 3).toFixed(1)} GB`;

/** @param {readonly Finding[]} findings */
export function printFindings(findings) {
  for (const { name, ok, detail, fix } of findings) {
    process.stdout.write(ok ? `  ✓ ${name.padEnd(10)} ${detail}\n` : `  ✗ ${sentence(detail, fix)}\n`);
  }
}

/**
 * @param {string} detail
 * @param {string} fix
 */
export function sentence(detail, fix) {
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}: ${fix}.`;
}

if (process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const findings = await examine({ ports: readPorts(), root });
  printFindings(findings);
  process.exitCode = findings.every((finding) => finding.ok) ? 0 : 1;
}
