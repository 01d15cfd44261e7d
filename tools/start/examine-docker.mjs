// The containers' requirements on a machine: Docker's engine and Compose, recent enough, and free ports. One sentence per
// missing requirement.
import { execFile } from "node:child_process";
import { sentence } from "./doctor.mjs";
import { findTakenPorts } from "./find-taken-ports.mjs";

const COMMAND_MS_MAX = 20_000;
/** The first version that mounts a subfolder of a volume, so that each service sees only its own secrets. */
const ENGINE_MAJOR_MIN = 26;
const COMPOSE_MIN = [2, 26];
const INSTALL = "https://docs.docker.com/engine/install";

/** @typedef {(command: string, args: string[]) => Promise<{ failure?: string, output: string }>} Ask */

/**
 * @param {{ root: string, ports: Readonly<Record<string, number>>, ask?: Ask }} examination
 * @returns {Promise<string[]>} what is wrong and how to fix it; empty if all is well
 */
export async function examineDocker({ root, ports, ask = requestDocker }) {
  const compose = await ask("docker", ["compose", "version", "--short"]);
  if (compose.failure === "not found") {
    return [sentence("docker was not found", `install Docker Engine with Compose from ${INSTALL}, or omit --docker`)];
  }
  const version = /^v?(\d+)\.(\d+)/m.exec(compose.output)?.slice(1).map(Number);
  if (compose.failure !== undefined || version === undefined) {
    const fix = "install the Compose plugin, version 2, from https://docs.docker.com/compose/install";
    return [sentence("docker has no `compose` command", fix)];
  }
  if (!isAtLeast(version, COMPOSE_MIN)) {
    const detail = `Docker Compose is ${compose.output.trim()}, older than ${COMPOSE_MIN.join(".")}`;
    return [sentence(detail, "update it from https://docs.docker.com/compose/install")];
  }
  const engine = await ask("docker", ["version", "--format", "{{.Server.Version}}"]);
  if (engine.failure !== undefined) {
    return [sentence("the Docker engine is not responding", "start it, or set DOCKER_HOST to a running one")];
  }
  if (Number.parseInt(engine.output, 10) < ENGINE_MAJOR_MIN) {
    const detail = `the Docker engine is ${engine.output.trim()}, older than ${ENGINE_MAJOR_MIN}`;
    return [sentence(detail, `update it from ${INSTALL}`)];
  }
  const taken = await findTakenPorts(ports, root);
  return taken.map(({ name, port, holder }) => {
    const by = holder === undefined ? "" : ` by ${holder.command} (process ${holder.pid})`;
    const fix = "stop that process, or set TRIPLINE_PORT_BASE to move all of Tripline's ports, for instance to 17400";
    return sentence(`port ${port}, for ${name}, is in use${by}`, fix);
  });
}

/**
 * @param {number[]} version
 * @param {number[]} minimum
 */
function isAtLeast([major = 0, minor = 0], [majorMin = 0, minorMin = 0]) {
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

/** @type {Ask} */
function requestDocker(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: COMMAND_MS_MAX, encoding: "utf8" }, (error, stdout) => {
      if (error === null) resolve({ output: stdout });
      else resolve({ output: stdout, failure: error.code === "ENOENT" ? "not found" : String(error.code) });
    });
  });
}
